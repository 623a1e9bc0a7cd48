"""Files of chargers, firmware for them, and presets of their settings, in the admin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.defaultfilters import filesizeformat
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from accounts.admin_base import OwnedAdmin, RecordAdmin, VisibleFilter, may_change
from accounts.deeds import did
from routing.core.secrecy import is_secret
from routing.files import firmware, uploads
from routing.files.storing import give, safe_name
from routing.models import FirmwareFile, SettingsPreset, Upload
from routing.models.files import MOST_SETTINGS

if TYPE_CHECKING:
    _FirmwareForm = forms.ModelForm[FirmwareFile]
    _PresetForm = forms.ModelForm[SettingsPreset]
else:
    _FirmwareForm = _PresetForm = forms.ModelForm


@admin.register(Upload)
class UploadAdmin(RecordAdmin[Upload]):
    """What chargers have sent; who may change a charger may have it."""

    list_display = ["asked", "charger", "name", "how_large", "until", "download"]
    list_select_related = ["charger"]
    search_fields = ["charger__identity", "name"]
    sortable_by = ()
    readonly_fields = ["download"]

    def get_list_display(self, request: HttpRequest) -> Any:
        """Without the way to what would be refused."""
        may = request.user.has_perm("chargers.change_charger")
        return [name for name in self.list_display if may or name != "download"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["charger", "name", "size", "sha256", "created_at", "received_at", "expires", "download"]

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view(require_GET(self.download_view))
        return [path("<int:pk>/download/", view, name="routing_upload_download"), *super().get_urls()]

    def download_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The file itself: diagnostics tell of cards and networks, so not for those who only read."""
        upload = self.get_object(request, str(pk))
        if not may_change(request, upload):
            raise PermissionDenied
        where = uploads.path_of(upload)
        if upload.received_at is None or upload.expires <= timezone.now() or not where.exists():
            raise Http404("this file is not here, or not here any more")
        did(upload.charger, f"Downloaded {upload.name}, which it had sent.")
        return give(request, where, f"{upload.charger.identity}-{upload.name}")

    @admin.display(description=_("asked for"))
    def asked(self, upload: Upload) -> str:
        return f"{upload.created_at:%Y-%m-%d %H:%M}"

    @admin.display(description=_("size"))
    def how_large(self, upload: Upload) -> str:
        return filesizeformat(upload.size) if upload.received_at else gettext("waits for the charger")

    @admin.display(description=_("kept until"))
    def until(self, upload: Upload) -> str:
        return f"{upload.expires:%Y-%m-%d}" if upload.received_at else "-"

    @admin.display(description=_("file"))
    def download(self, upload: Upload) -> SafeString | str:
        if upload.received_at is None:
            return "-"
        page = reverse("admin:routing_upload_download", args=[upload.pk])
        return format_html('<a class="p-button" href="{}">{}</a>', page, gettext("Download"))


class FirmwareForm(_FirmwareForm):
    """A firmware; its file is given once, a new one is a new row."""

    file = forms.FileField(label=_("File"), help_text=_("As the maker gives it; nothing in it is changed."))

    class Meta:
        model = FirmwareFile
        fields = ["organisation", "version", "notes"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            del self.fields["file"]

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > settings.PROXY_FIRMWARE_BYTES:
            raise forms.ValidationError(
                gettext("The file has %(size)s; at most %(most)s are kept.")
                % {
                    "size": filesizeformat(file.size),
                    "most": filesizeformat(settings.PROXY_FIRMWARE_BYTES),
                }
            )
        return file


@admin.register(FirmwareFile)
class FirmwareFileAdmin(OwnedAdmin[FirmwareFile]):
    form = FirmwareForm
    list_display = ["name", "version", "organisation", "how_large", "created_at"]
    list_filter = [("organisation", VisibleFilter)]
    list_select_related = ["organisation"]
    search_fields = ["name", "version"]

    def get_fields(self, request: HttpRequest, obj: FirmwareFile | None = None) -> Any:
        if obj is None:
            return ["organisation", "file", "version", "notes"]
        return ["organisation", "name", "version", "notes", "how_large", "sha256", "created_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: FirmwareFile | None = None) -> Any:
        fixed = [] if obj is None else ["organisation", "name", "how_large", "sha256", "created_at"]
        return list(dict.fromkeys([*super().get_readonly_fields(request, obj), *fixed]))

    def save_model(self, request: HttpRequest, obj: FirmwareFile, form: Any, change: bool) -> None:
        if not change:
            file = form.cleaned_data["file"]
            obj.name = safe_name(file.name, "firmware.bin")
            obj.size, obj.sha256 = firmware.keep(obj, file.chunks())
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: FirmwareFile) -> None:
        super().delete_model(request, obj)
        firmware.path_of(obj).unlink(missing_ok=True)

    @admin.display(description=_("size"))
    def how_large(self, file: FirmwareFile) -> str:
        return filesizeformat(file.size)


class LinesField(forms.CharField):
    """Settings as lines ``name = value``."""

    widget = forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "class": "p-lines"})

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        return dict(_settings_in(text))

    def prepare_value(self, value: Any) -> Any:
        return (
            "\n".join(f"{name} = {one}" for name, one in value.items()) if isinstance(value, dict) else value
        )

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(super().has_changed(self.prepare_value(initial), data))


def _settings_in(text: str) -> Iterator[tuple[str, str]]:
    lines = [line.strip() for line in text.splitlines()]
    if len(lines) > MOST_SETTINGS:
        raise forms.ValidationError(gettext("At most %d settings.") % MOST_SETTINGS)
    for number, line in enumerate(lines, start=1):
        name, sign, value = (part.strip() for part in line.partition("="))
        if not line or line.startswith("#"):
            continue
        if not (name and sign):
            raise forms.ValidationError(
                gettext("Line %(number)d: expected name = value, not %(line)s")
                % {"number": number, "line": line[:60]}
            )
        if is_secret(name):
            raise forms.ValidationError(
                gettext("Line %(number)d: %(name)s is a secret; it is set on the charger's page.")
                % {"number": number, "name": name[:60]}
            )
        yield name, value


class PresetForm(_PresetForm):
    values = LinesField(
        label=_("Settings"),
        required=False,
        help_text=_(
            "One in a line, as name = value: HeartbeatInterval = 300; in OCPP 2 with the component: "
            "OCPPCommCtrlr.HeartbeatInterval = 300."
        ),
    )

    class Meta:
        model = SettingsPreset
        fields = ["organisation", "name", "values"]


@admin.register(SettingsPreset)
class SettingsPresetAdmin(OwnedAdmin[SettingsPreset]):
    form = PresetForm
    fields = ["organisation", "name", "values"]
    list_display = ["name", "organisation", "how_many"]
    list_filter = [("organisation", VisibleFilter)]
    list_select_related = ["organisation"]
    search_fields = ["name"]

    @admin.display(description=_("settings"))
    def how_many(self, preset: SettingsPreset) -> int:
        return len(preset.values)
