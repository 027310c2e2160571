"""Invented names and texts. No person or place here exists; addresses are of example.com and img.example."""

from __future__ import annotations

FIRST_NAMES = (
    "Ada", "José", "Zoë", "Łukasz", "Mei", "Jo", "Søren", "Amélie", "Omar", "Grace", "Björn", "Noor", "李",
    "Tomás", "Ruth", "Ivo", "Chloé", "Hana", "Sam", "Ines",
)  # fmt: skip
LAST_NAMES = (
    "Guest", "Núñez", "Brooks", "Kowalczyk", "O'Neil", "Tech", "Håkansson", "Dubois", "Al-Amin", "Petrov",
    "Van der Berg", "Müller", "娜", "Smith-Jones", "Ferreira", "Novák", "Quinn", "Østergaard",
)  # fmt: skip
STREETS = ("Creek Rd", "Juniper Ln", "Harbor View", "Old Mill Way", "Sunset Ter", "Calle Olmo", "Bluff Dr")
#: city, state, zip code, latitude, longitude
CITIES = (
    ("Prattville", "AL", "36066", 32.3182314, -86.902298),
    ("Nashville", "TN", "37201", 36.1231931, -86.7837096),
    ("Breckenridge", "CO", "80424", 39.4817, -106.0384),
    ("Cañon Vista", None, "01210", 19.4326077, -99.133208),
    ("Seaside", "OR", "97138", 45.9931636, -123.9226385),
)
ALIASES = ("Creekside", "Über den Wolken", "La Casita", "Pine 4", "Dune", "Café Loft", "Bär", "Ridge", "Cove")
HOUSES = (
    "The Long Porch",
    "Sunny Acre",
    "Moosehead Lodge",
    "Blue Door",
    "Casa Peñasco",
    "Halcyon",
    "The Mews",
)
TEMPLATE_NAMES = (
    ("Departure Clean", "housekeeping"),
    ("Winter check", "maintenance"),
    ("Arrival Inspection", "inspection"),
    ("Deep Clean", "housekeeping"),
    ("Smoke detector test", "safety"),
    ("Hot tub service", "maintenance"),
    ("Owner walk-through – été", "inspection"),
    ("Linen run", "housekeeping"),
)
TASK_NAMES = (
    ("Guest says: no hot water", "maintenance"),
    ("Fix gate", "maintenance"),
    ("Mid-stay clean", "housekeeping"),
    ("Look for lost ring", "inspection"),
    ("Leak under the sink — urgent", "maintenance"),
    ("Replace batteries", "safety"),
)
DEPARTMENTS = ("housekeeping", "inspection", "maintenance", "safety")
TAG_NAMES = (
    "frost",
    "VIP",
    "owner stay",
    "pool",
    "no shoes",
    "été",
    "pets",
    "late",
    "keyless",
    "hold",
    "lift",
)
SUBDEPARTMENTS = ("Handyman", "Electric", "Laundry", "Pool & Spa", "Façade", "Keys")
SUPPLIES = (
    "Batteries",
    "Styrofoam Faucet Cover",
    "Light bulb",
    "Towel",
    "Coffee pods",
    "Filter 20×20",
    "Soap",
)
SIZES = ("AA", "", "large", "60 W", "20x20", "each")
GROUPS = ("North", "South", "Lakeside", "Premium")
REMARKS = (
    "Gate on the left",
    "left as found",
    "Bring a ladder; the lamp is 4 m up.",
    "Waschmaschine läuft aus – bitte prüfen",
    "Guest mentioned noise.\nNothing found.",
    "Done \u2713",
    "\U0001f6bf runs hot",
    "see photo",
)
STATUSES: dict[str, tuple[str, str]] = {
    "drafted": ("Drafted", "new"),
    "created": ("Created", "new"),
    "pending_approval": ("Pending Approval", "new"),
    "request_rejected": ("Request Rejected", "closed"),
    "request_approved": ("Request Approved", "new"),
    "in_progress": ("In Progress", "in_progress"),
    "finished": ("Finished", "finished"),
    "closed": ("Closed", "closed"),
    "approved": ("Approved", "closed"),
}
COST_TYPES = (
    (1, "labor", "Labor"),
    (2, "material", "Materials"),
    (3, "expense", "Expense"),
    (4, "tax", "Tax"),
    (5, "skilled_labor", "Skilled Labor"),
    (6, "non_skilled_labor", "Non-Skilled Labor"),
    (7, "mileage", "Mileage"),
    (8, "mark_up", "Mark Up"),
)
BILL_TO = ("owner", "guest", "internal", "damage", "insurance", "review")
REQUESTERS = (
    "owner", "guest", "guest_survey", "inspector", "housekeeper", "maintenance_tech", "property_services",
    "property_manager", "dispatcher",
)  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

PARAGRAPH = "The trap was blocked, so it was taken apart, cleaned and closed again. Größe geprüft; no leak after. "


def long_text(at_least: int) -> str:
    """Over 255, 8 192 or 10 000 characters, as asked."""
    return (PARAGRAPH * (at_least // len(PARAGRAPH) + 1)).rstrip()


def person_name(first: int, last: int) -> tuple[str, str]:
    return FIRST_NAMES[first % len(FIRST_NAMES)], LAST_NAMES[last % len(LAST_NAMES)]
