"""Examines an installation: configuration, database, accounts, endpoints, this machine."""

from breezeway_sync.service.doctor.bundle import write_bundle
from breezeway_sync.service.doctor.examine import Diagnosis, Limits, diagnose
from breezeway_sync.service.doctor.findings import FAIL, OK, WARN, DoctorFinding, condensed, of_unusable_configuration

__all__ = [
    "FAIL",
    "OK",
    "WARN",
    "Diagnosis",
    "DoctorFinding",
    "Limits",
    "condensed",
    "diagnose",
    "of_unusable_configuration",
    "write_bundle",
]
