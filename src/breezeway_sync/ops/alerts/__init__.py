"""Alerts by e-mail and webhook: what went wrong, once."""

from breezeway_sync.ops.alerts.alerter import Alerter
from breezeway_sync.ops.alerts.configured import channels_of, rules_of, send_test
from breezeway_sync.ops.alerts.model import Message, Rules
from breezeway_sync.ops.alerts.ports import AlertStore, Channel, ChannelResult, NotDelivered

__all__ = [
    "AlertStore",
    "Alerter",
    "Channel",
    "ChannelResult",
    "Message",
    "NotDelivered",
    "Rules",
    "channels_of",
    "rules_of",
    "send_test",
]
