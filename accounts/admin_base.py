"""What every admin page of ours stands on: rows and choices of the user's organisations only.

All admin classes import their bases from here and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.contrib import admin
from django.contrib.admin.utils import get_deleted_objects, unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from accounts import skin
from accounts.deeds import Deed
from accounts.querysets import OwnedQuerySet
from accounts.recording import named_with

ModelT = TypeVar("ModelT", bound=models.Model)

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[ModelT]
    _TabularInline = admin.TabularInline[ModelT, Any]
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator

    class _ModelAdmin(skin.ModelAdmin, Generic[ModelT]):
        """Subscriptable, as the type checker sees it."""

    class _TabularInline(skin.TabularInline, Generic[ModelT]):
        """Subscriptable, as the type checker sees it."""


PER_PAGE = 100
"""Rows on a page of records."""

SECRET_FIELDS = ("password", "password_hashes", "previous_password", "secret", "previous_secret")


def owned(model: type[models.Model]) -> OwnedQuerySet[Any]:
    """All rows of one of our models, to be narrowed to those of a user."""
    rows = model._default_manager.all()
    if not isinstance(rows, OwnedQuerySet):
        raise TypeError(f"{model.__name__} has no owner; its manager must build on OwnedQuerySet")
    return rows


def may_change(request: HttpRequest, row: models.Model) -> bool:
    """Whether the row belongs to an organisation in which the user may change things."""
    return (
        request.user.is_superuser or owned(type(row)).filter(pk=row.pk).changeable_by(request.user).exists()
    )


def limit_choices(request: HttpRequest, field: Any, kwargs: dict[str, Any]) -> None:
    """Offer only what the user may point at; an organisation must be one of theirs."""
    if isinstance(field.related_model._default_manager.all(), OwnedQuerySet):
        rows = owned(field.related_model).selectable_by(request.user)
        kwargs["queryset"] = rows.select_related(*named_with(field.related_model))
    if field.name == "organisation" and not request.user.is_superuser:
        kwargs["required"] = True  # without one the row would belong to everybody, or vanish from sight


class HistoryMixin:
    """The history of a row is what people did with it, by whichever way (``accounts.deeds``)."""

    def bar(self, request: HttpRequest, row: Any, slug: str) -> dict[str, Any]:
        """The tabs over the pages of a row, for those whose template is elsewhere.

        ``bar`` names the template, the rest is what that shows; nothing where there are no tabs. ``slug``:
        the tab that is open, ``live`` or ``history``.
        """
        return {}

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        page: Any = self
        row = page.get_object(request, unquote(object_id))
        if row is None:
            raise Http404(f"there is no {page.opts.verbose_name} with this number")
        if not page.has_view_or_change_permission(request, row):
            raise PermissionDenied
        deeds = Deed.objects.visible_to(request.user).about(row).order_by("-id")
        shown = NewestPaginator(deeds, PER_PAGE).get_page(request.GET.get("p"))
        told = Deed.objects.changeable_by(request.user).filter(pk__in=[deed.pk for deed in shown.object_list])
        context = {
            **page.admin_site.each_context(request),
            "title": _("History of %(row)s") % {"row": row},
            "opts": page.opts,
            "object": row,
            "page": shown,
            "told": set(told.values_list("pk", flat=True)),
            **self.bar(request, row, "history"),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/accounts/history.html", context)


class OwnedAdmin(HistoryMixin, _ModelAdmin[ModelT]):
    """A model whose rows belong to organisations."""

    list_per_page = 50
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        return rows.visible_to(request.user)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """What the user may not see is not there: 404, where the stock admin leads back to its index."""
        found = super().get_object(request, object_id, from_field)
        if found is None:
            raise Http404(f"there is no {self.opts.verbose_name} with this number")
        return found

    def has_change_permission(self, request: HttpRequest, obj: ModelT | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or may_change(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: ModelT | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or may_change(request, obj))

    def get_readonly_fields(self, request: HttpRequest, obj: ModelT | None = None) -> Any:
        """Whose a row is stays as it is: nobody carries things of one organisation into another of theirs."""
        fields = super().get_readonly_fields(request, obj)
        if request.user.is_superuser or getattr(obj, "organisation_id", None) is None:
            return fields
        return [*fields, "organisation"] if "organisation" not in fields else fields

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        limit_choices(request, db_field, kwargs)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        if any(part in SECRET_FIELDS for part in lookup.split("__")):
            return False
        if request is None or not (request.user.is_superuser or self._is_filter(request, lookup)):
            return False
        return super().lookup_allowed(lookup, value, request)

    def _is_filter(self, request: HttpRequest, lookup: str) -> bool:
        """Whether a list is narrowed as its page offers: what is not shown is not guessed piece by piece."""
        name, _, how = lookup.partition("__")
        filters: Any = self.get_list_filter(request)
        named = [item[0] if isinstance(item, tuple) else item for item in filters]
        offered = [item if isinstance(item, str) else item.parameter_name for item in named]
        return name in offered or how in ("id__exact", "pk__exact") or lookup in ("id", "pk", "id__exact")

    def get_actions(self, request: HttpRequest) -> Any:
        """Without bulk deletion, which lists and takes along what hangs on the rows of others."""
        actions = super().get_actions(request)
        if not request.user.is_superuser:
            actions.pop("delete_selected", None)
        return actions

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Records that nobody may edit go with the row they belong to, without a right of their own."""
        to_delete, counts, missing, protected = get_deleted_objects(objs, request, self.admin_site)
        records = {
            model._meta.verbose_name
            for model, model_admin in self.admin_site._registry.items()
            if isinstance(model_admin, ReadOnlyAdmin)
        }
        return to_delete, counts, missing - records, protected


class ReadOnlyAdmin(OwnedAdmin[ModelT]):
    """Records: looked at, never edited."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ModelT | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ModelT | None = None) -> bool:
        return False


class SuperuserMixin:
    """Whole installation: only superusers enter, whatever rights a group grants."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser


class OwnedInline(_TabularInline[ModelT]):
    """Rows that belong to the row of the page; who may change that one may change these."""

    extra = 0

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        return rows.visible_to(request.user).select_related(*named_with(self.model))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request, obj) and (obj is None or may_change(request, obj))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or may_change(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or may_change(request, obj))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        limit_choices(request, db_field, kwargs)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class VisibleFilter(admin.RelatedFieldListFilter):
    """A filter by a related row that names only rows the user may see."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        rows = owned(field.related_model).visible_to(request.user)
        return [(str(row.pk), str(row)) for row in rows[:200]]


class NewestPaginator(_Paginator):
    """Pages of the newest rows of a huge table, which it never counts.

    ``count`` says how many of the first REACH rows there are; older ones are found by narrowing
    the filters.
    """

    REACH = 1000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return len(rows.values_list("pk")[: self.REACH])


class RecordAdmin(ReadOnlyAdmin[ModelT]):
    """Records of a table that grows without end."""

    paginator = NewestPaginator
    list_per_page = PER_PAGE
    list_max_show_all = 0
