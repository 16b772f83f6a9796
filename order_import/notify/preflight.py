"""What `check` finds of the channels of `notify`, without sending anything."""

from collections.abc import Sequence

from order_import.notify.channels import NotSent, channels_of
from order_import.operations.preflight import Finding, Level
from order_import.settings import Settings, SettingsError


async def check_channels(settings: Settings) -> Sequence[Finding]:
    """Return a finding for each channel that the settings name.

    One that cannot be reached is a warning, since notifications are kept until it can: the
    installation need not wait for it.
    """
    if settings.notify_webhook_url is None and settings.notify_smtp_host is None:
        return []
    try:
        channels = channels_of(settings)
    except SettingsError as error:
        setting, _, text = str(error).partition(": ")
        return [Finding(Level.FAULT, setting, text)]
    findings = []
    for name, channel in channels.items():
        subject = f"notify's {name} server"
        try:
            await channel.reach()
        except NotSent as error:
            findings.append(Finding(Level.WARNING, subject, f"cannot be reached: {error}"))
        else:
            findings.append(Finding(Level.OK, subject, "answers"))
    return findings
