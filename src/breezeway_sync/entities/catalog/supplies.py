"""The supplies that a company stocks."""

from breezeway_sync.entities.model import Company, Entity, Field, Kind, Shape, Source

SUPPLIES = Entity(
    name="supplies",
    table="supplies",
    singular="supply",
    key=Field("id", Kind.BIGINT, "supply_id"),
    company="company_id",
    sources=(Source("supplies", "/supplies", Shape.PAGES, company=Company.COMPANY_ID, may_be_missing=True),),
    stamps=("created_at", "updated_at"),
    fields=(
        Field("company_id", Kind.BIGINT),
        Field("name", Kind.TEXT, "supply_name"),
        Field("description", Kind.TEXT),
        Field("size", Kind.TEXT),
        Field("internal_id", Kind.TEXT),
        Field("unit_cost", Kind.NUMERIC),
        Field("stock_count", Kind.NUMERIC),
        Field("low_stock_alert", Kind.BOOLEAN),
        Field("low_stock_count", Kind.NUMERIC),
        Field("supply_category_id", Kind.BIGINT),
        Field("type_stock_status.code", Kind.TEXT, "stock_status_code"),
        Field("type_stock_status.name", Kind.TEXT, "stock_status_name"),
        Field("created_at", Kind.TIMESTAMP),
        Field("updated_at", Kind.TIMESTAMP),
    ),
)
