"""OCPP in plain words, for whoever hovers over an action, a status or an error code: what it means on site.

Tables of English, translated where they are looked up. Whoever asks for a word that is not here gets "".
"""

from __future__ import annotations

from django.utils.translation import gettext

from routing.explorer.folding import Exchange, Group, Kind, Leg

ACTIONS: dict[str, str] = {
    "AFRRSignal": "Tells the charger a signal of the grid's frequency reserve: it adapts its power at once.",
    "AdjustPeriodicEventStream": "Changes how often a running stream of values is sent.",
    "Authorize": "Somebody held a card to the charger: it asks whether that card may charge.",
    "BatterySwap": "The charger says that a battery was put in or taken out.",
    "BootNotification": "The charger has started (or came back) and says what it is.",
    "CancelReservation": "Takes back a reservation, so that anybody may use the connector again.",
    "CertificateSigned": "Brings the charger a certificate that it had asked for.",
    "ChangeAvailability": "Takes a connector (or the whole charger) out of use, or back into it.",
    "ChangeConfiguration": "Changes one setting of the charger.",
    "ChangeTransactionTariff": "Changes the price of a session that is running.",
    "ClearCache": "Makes the charger forget the cards that it had remembered.",
    "ClearChargingProfile": "Removes limits or charging plans from the charger.",
    "ClearDERControl": "Removes settings for power that flows back to the grid.",
    "ClearDisplayMessage": "Removes a text from the charger's display.",
    "ClearTariffs": "Removes prices from the charger.",
    "ClearVariableMonitoring": "Ends the watch that the charger kept on some of its values.",
    "ClearedChargingLimit": "The charger says that a limit from elsewhere no longer holds.",
    "ClosePeriodicEventStream": "The charger ends a stream of values.",
    "CostUpdated": "Tells the charger what the running session costs so far.",
    "CustomerInformation": "Asks the charger what it holds about a customer, or has it deleted.",
    "DataTransfer": "Something of a vendor's own that OCPP has no message for.",
    "DeleteCertificate": "Removes a certificate from the charger.",
    "DiagnosticsStatusNotification": "The charger says how far the upload of its diagnostics is.",
    "ExtendedTriggerMessage": "Asks the charger to say something now that it says by itself at other times.",
    "FirmwareStatusNotification": "The charger says how far a firmware update is.",
    "Get15118EVCertificate": "The car wants a certificate for Plug & Charge; the charger passes that on.",
    "GetBaseReport": "Asks the charger for a full list of what it has and how it is set.",
    "GetCertificateChainStatus": "The charger asks whether certificates are still good.",
    "GetCertificateStatus": "The charger asks whether the car's certificate is still good.",
    "GetChargingProfiles": "Asks which limits and charging plans the charger has.",
    "GetCompositeSchedule": "Asks how much the charger will give over the next time, all limits together.",
    "GetConfiguration": "Reads settings of the charger.",
    "GetDERControl": "Reads settings for power that flows back to the grid.",
    "GetDiagnostics": "Asks the charger to upload a file with its diagnostics.",
    "GetDisplayMessages": "Asks which texts the charger shows.",
    "GetInstalledCertificateIds": "Asks which certificates the charger has.",
    "GetLocalListVersion": "Asks which version of the list of cards the charger has.",
    "GetLog": "Asks the charger to upload a log.",
    "GetMonitoringReport": "Asks what the charger watches for changes.",
    "GetPeriodicEventStream": "Asks which streams of values are running.",
    "GetReport": "Asks the charger for a list of some of what it has and how it is set.",
    "GetTariffs": "Asks which prices the charger has.",
    "GetTransactionStatus": "Asks whether a session still runs and whether messages of it are still to come.",
    "GetVariables": "Reads settings of the charger.",
    "Heartbeat": "A sign of life. The answer tells the time.",
    "InstallCertificate": "Puts a root certificate on the charger: whom it will trust.",
    "LogStatusNotification": "The charger says how far the upload of a log is.",
    "MeterValues": "What the charger measures: energy, power, current.",
    "NotifyAllowedEnergyTransfer": "Tells the charger which ways of charging the car may use.",
    "NotifyChargingLimit": "The charger says that something else limits it, as an energy manager on site.",
    "NotifyCustomerInformation": "The charger says what it holds about a customer.",
    "NotifyDERAlarm": "The charger says that a grid value is beyond its limit.",
    "NotifyDERStartStop": "The charger says that a setting for the grid begins or ends to hold.",
    "NotifyDisplayMessages": "The charger says which texts it shows.",
    "NotifyEVChargingNeeds": "The car says how much energy it wants, and until when.",
    "NotifyEVChargingSchedule": "The car says how it plans to charge.",
    "NotifyEvent": "The charger says that something about it has changed, or is wrong.",
    "NotifyMonitoringReport": "The charger says what it watches for changes.",
    "NotifyPeriodicEventStream": "Values of a stream; they want no answer.",
    "NotifyPriorityCharging": "The charger says that charging first, before others, begins or ends.",
    "NotifyReport": "The charger says what it has and how it is set: part of a report.",
    "NotifySettlement": "The charger says that a payment at its terminal was settled.",
    "NotifyWebPaymentStarted": "Tells the charger that somebody pays by a web page.",
    "OpenPeriodicEventStream": "The charger offers to send values in a stream.",
    "PublishFirmware": "Has a local controller fetch firmware for the chargers behind it.",
    "PublishFirmwareStatusNotification": "Says how far the fetching of firmware for others is.",
    "PullDynamicScheduleUpdate": "The charger asks for the newest limit of a plan that changes.",
    "RemoteStartTransaction": "Asks the charger to start a session without a card, as from an app.",
    "RemoteStopTransaction": "Asks the charger to stop a session, as from an app.",
    "ReportChargingProfiles": "The charger says which limits and charging plans it has.",
    "ReportDERControl": "The charger says how it is set for power that flows back to the grid.",
    "RequestBatterySwap": "Asks the charger to give out batteries.",
    "RequestStartTransaction": "Asks the charger to start a session without a card, as from an app.",
    "RequestStopTransaction": "Asks the charger to stop a session, as from an app.",
    "ReservationStatusUpdate": "The charger says that a reservation has ended unused.",
    "ReserveNow": "Keeps a connector for one card.",
    "Reset": "Asks the charger to start anew.",
    "SecurityEventNotification": "The charger says that something happened that bears on security.",
    "SendLocalList": "Gives the charger a list of cards that it may accept by itself.",
    "SetChargingProfile": "Sets a limit or a plan for charging.",
    "SetDERControl": "Sets how power may flow back to the grid.",
    "SetDefaultTariff": "Sets the price of sessions to come.",
    "SetDisplayMessage": "Sets a text on the charger's display.",
    "SetMonitoringBase": "Says what the charger is to watch: all, the factory's choice, or the least.",
    "SetMonitoringLevel": "Says how serious something must be for the charger to report it.",
    "SetNetworkProfile": "Sets how and where the charger connects.",
    "SetVariableMonitoring": "Has the charger watch some of its values.",
    "SetVariables": "Changes settings of the charger.",
    "SignCertificate": "The charger wants its certificate signed.",
    "SignedFirmwareStatusNotification": "The charger says how far an update with signed firmware is.",
    "SignedUpdateFirmware": "Asks the charger to fetch and install signed firmware.",
    "StartTransaction": "A session has begun: energy flows, or may flow, for this card.",
    "StatusNotification": "The charger says how a connector is: free, charging, out of order.",
    "StopTransaction": "A session has ended; with the meter's last value and often why.",
    "TransactionEvent": "A session has begun, goes on, or has ended.",
    "TriggerMessage": "Asks the charger to say something now that it says by itself at other times.",
    "UnlockConnector": "Asks the charger to release the plug.",
    "UnpublishFirmware": "Has a local controller no longer offer firmware.",
    "UpdateDynamicSchedule": "Changes the limit of a plan that changes.",
    "UpdateFirmware": "Asks the charger to fetch and install firmware.",
    "UsePriorityCharging": "Lets a session charge first, before others, or ends that.",
    "VatNumberValidation": "The charger asks whether a VAT number is good.",
}

STATUSES: dict[str, str] = {
    # of connectors
    "Available": "Free, ready for a car.",
    "Occupied": "In use: a car is plugged in, or a session runs.",
    "Preparing": "Somebody is about to charge: plugged in or card shown, not both yet.",
    "Charging": "Energy flows to the car.",
    "SuspendedEVSE": "The charger paused because of a limit, or it gives no energy just now.",
    "SuspendedEV": "The car paused: it is full, or takes no energy just now.",
    "Finishing": "The session is over, the cable is still plugged in.",
    "Reserved": "Kept for one card.",
    "Unavailable": "Out of use: somebody has switched it off.",
    "Faulted": "Out of order: the error code says why.",
    "EVConnected": "A car is plugged in, no energy flows yet.",
    "Idle": "No car is plugged in.",
    # of cards
    "Accepted": "Yes: it is done, or may be.",
    "Blocked": "This card is blocked.",
    "Expired": "This card is no longer valid.",
    "Invalid": "This card is not known.",
    "ConcurrentTx": "This card is charging already, and may not twice.",
    "NoCredit": "This card has no credit left.",
    "NotAllowedTypeEVSE": "This card may not use this kind of connector.",
    "NotAtThisLocation": "This card may not charge here.",
    "NotAtThisTime": "This card may not charge at this time.",
    "Unknown": "Nobody knows it.",
    # of answers
    "Rejected": "No: it will not be done.",
    "Pending": "Not yet: wait, and try again.",
    "Scheduled": "Yes, but later: when the running session has ended.",
    "NotSupported": "The charger can't do that.",
    "NotImplemented": "The charger does not know how to do that.",
    "RebootRequired": "Done, but it holds only after a restart.",
    "UnknownKey": "There is no such setting.",
    "UnknownMessageId": "The vendor's message is not known.",
    "UnknownVendorId": "The vendor is not known.",
    "UnknownConnector": "There is no such connector.",
    "UnknownComponent": "There is no such part.",
    "UnknownVariable": "There is no such setting.",
    "Unlocked": "The plug was released.",
    "UnlockFailed": "The plug could not be released.",
    "OngoingAuthorizedTransaction": "A session runs: the plug stays locked.",
    "VersionMismatch": "The charger's list has another version.",
    "Failed": "It did not work.",
    "EmptyResultSet": "Nothing fits what was asked.",
    "NoTransaction": "There is no such session.",
    "Downloading": "It is being fetched.",
    "Downloaded": "It was fetched.",
    "DownloadFailed": "It could not be fetched.",
    "Installing": "It is being installed.",
    "Installed": "It was installed.",
    "InstallationFailed": "It could not be installed.",
    "Uploading": "It is being sent.",
    "Uploaded": "It was sent.",
    "UploadFailed": "It could not be sent.",
}

REASONS: dict[str, str] = {
    # why a session ended
    "Local": "Stopped at the charger: card or button.",
    "Remote": "Stopped from afar: an app or a backoffice.",
    "EVDisconnected": "The cable was pulled out.",
    "DeAuthorized": "The card was not (or no longer) allowed.",
    "EmergencyStop": "Somebody pressed the emergency stop.",
    "HardReset": "The charger was restarted at once.",
    "SoftReset": "The charger was asked to restart, and ended the session first.",
    "ImmediateReset": "The charger was restarted at once.",
    "PowerLoss": "The charger lost its power.",
    "Reboot": "The charger restarted by itself.",
    "UnlockCommand": "Somebody had the plug released from afar.",
    "Other": "The charger does not say why.",
    "EnergyLimitReached": "As much energy as was agreed has flowed.",
    "TimeLimitReached": "The agreed time is over.",
    "SOCLimitReached": "The car's battery is as full as was wanted.",
    "StoppedByEV": "The car ended it.",
    "Timeout": "The car was not plugged in in time.",
    "LocalOutOfCredit": "The credit is used up.",
    "MasterPass": "Stopped with a master card.",
    "GroundFault": "Current leaked to earth: a fault of cable, car or installation.",
    "OvercurrentFault": "Too much current flowed.",
    "PowerQuality": "The grid's voltage or frequency was not good enough.",
    "ReqEnergyTransferRejected": "The car asked for a way of charging that it may not use.",
    # what made a 2.x charger speak of a session
    "AbnormalCondition": "Something is wrong.",
    "Authorized": "A card was accepted.",
    "CablePluggedIn": "A cable was plugged in.",
    "ChargingRateChanged": "It charges faster or slower than before.",
    "ChargingStateChanged": "Charging began, paused or ended.",
    "CostLimitReached": "The agreed price is reached.",
    "Deauthorized": "The card was not (or no longer) allowed.",
    "EVCommunicationLost": "The car does not answer any more.",
    "EVConnectTimeout": "The car was not plugged in in time.",
    "EVDeparted": "The car has left.",
    "EVDetected": "A car has come.",
    "MeterValueClock": "Values at a time of the clock.",
    "MeterValuePeriodic": "Values, as at every interval.",
    "RemoteStart": "Started from afar: an app or a backoffice.",
    "RemoteStop": "Stopped from afar: an app or a backoffice.",
    "ResetCommand": "Somebody had the charger restarted.",
    "StopAuthorized": "A card was shown to stop.",
    "Trigger": "Somebody asked for it.",
    "LimitSet": "A limit was set.",
    # what is wrong with a connector of 1.6
    "NoError": "Nothing is wrong.",
    "ConnectorLockFailure": "The plug can't be locked or released.",
    "EVCommunicationError": "Charger and car do not understand each other.",
    "GroundFailure": "Current leaked to earth: a fault of cable, car or installation.",
    "HighTemperature": "It is too hot inside.",
    "LocalListConflict": "The charger's list of cards contradicts the backoffice.",
    "OtherError": "Something else; the vendor's code may say what.",
    "OverCurrentFailure": "Too much current flowed.",
    "OverVoltage": "The voltage is too high.",
    "UnderVoltage": "The voltage is too low.",
    "PowerMeterFailure": "The meter can't be read.",
    "PowerSwitchFailure": "The switch for the power does not work.",
    "ReaderFailure": "The card reader does not work.",
    "ResetFailure": "The charger could not restart.",
    "WeakSignal": "The mobile or wireless signal is weak.",
}

ERROR_CODES: dict[str, str] = {
    "NotImplemented": "The other side does not know this message.",
    "NotSupported": "The other side knows this message, but does not do it.",
    "FormationViolation": "The message is not built as OCPP wants it.",
    "FormatViolation": "The message is not built as OCPP wants it.",
    "ProtocolError": "Something is missing in the message.",
    "OccurenceConstraintViolation": "Something is there too often, or not at all.",
    "OccurrenceConstraintViolation": "Something is there too often, or not at all.",
    "TypeConstraintViolation": "A value is of the wrong type, such as a text for a number.",
    "PropertyConstraintViolation": "A value is not among those allowed.",
    "SecurityError": "It was refused for security, or because the sender may not do that.",
    "GenericError": "Something went wrong that has no code of its own.",
    "InternalError": "The other side failed to handle the message.",
    "MessageTypeNotSupported": "The other side does not know this kind of message.",
    "RpcFrameworkError": "The other side could not read the message at all.",
}

OUTCOMES: dict[str, str] = {
    "answered": "It was answered.",
    "error": "It was answered with an error.",
    "denied": "A rule of the proxy refused it; it went no further.",
    "timeout": "No answer came in time.",
    "lost": "The connection was lost before the answer.",
    "malformed": "It could not be read.",
    "unsolicited": "An answer that nobody had asked for.",
    "sent": "It was passed on; it wants no answer.",
    "dropped": "It was not sent; the rule says why.",
    "withheld": "Nothing in it is for this backoffice.",
}

GROUPS: dict[Group, str] = {
    "well": "went well",
    "blocked": "blocked",
    "error": "error",
    "unanswered": "no answer",
    "withheld": "not for it",
}

KINDS: dict[Kind, str] = {
    "charger": "The charger says or asks something.",
    "backoffice": "A backoffice asks the charger.",
    "proxy": "The proxy itself says or asks something.",
    "stray": "A frame that belongs to no exchange.",
}


def of_action(action: str) -> str:
    """What an action means."""
    return gettext(ACTIONS.get(action, ""))


def of_word(word: str) -> str:
    """What a status, a reason or an error code means."""
    return gettext(STATUSES.get(word) or REASONS.get(word) or ERROR_CODES.get(word, ""))


def of_leg(leg: Leg) -> str:
    """How a CALL went on one socket, with what its error code means."""
    found = (OUTCOMES.get(leg.outcome, ""), ERROR_CODES.get(leg.error_code, ""))
    return " ".join(gettext(text) for text in found if text)


def of_group(group: Group) -> str:
    """How an exchange or a leg went, in a word or two."""
    return gettext(GROUPS[group])


def of_kind(kind: Kind) -> str:
    """Who begins, as a sentence."""
    return gettext(KINDS[kind])


def answerer(exchange: Exchange) -> str:
    """Who gave the answer that the asker got, as a sentence."""
    if exchange.kind == "stray":
        return of_kind("stray")
    match exchange.answered_by:
        case "":
            return gettext("Nobody answered.")
        case "charger":
            return gettext("The charger answered.")
        case "proxy":
            return (
                gettext("The proxy answered, the charger was not asked.")
                if exchange.is_virtual
                else gettext("The proxy answered.")
            )
        case "backoffice":
            return gettext("The backoffice answered.")
    return gettext("%(who)s answered.") % {"who": exchange.answered_by}
