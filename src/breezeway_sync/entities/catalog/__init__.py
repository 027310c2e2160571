"""The catalog: one literal for every mirrored entity. This module only lists them.

Everything else is derived: `entities.streams` derives what is read when and in which order, `store` derives the SQL.
"""

from __future__ import annotations

from breezeway_sync.entities.catalog.people import PEOPLE
from breezeway_sync.entities.catalog.properties import PROPERTIES
from breezeway_sync.entities.catalog.reservations import RESERVATIONS
from breezeway_sync.entities.catalog.small import SUBDEPARTMENTS, TAGS, TEMPLATES
from breezeway_sync.entities.catalog.supplies import SUPPLIES
from breezeway_sync.entities.catalog.tasks import TASKS

ENTITIES = (TAGS, PEOPLE, SUPPLIES, TEMPLATES, SUBDEPARTMENTS, PROPERTIES, RESERVATIONS, TASKS)
"""Targets of links before what refers to them."""

HOME = PROPERTIES
"""The entity that other records belong to. Some lists are read once per property; the list of properties confirms the
region's source."""
