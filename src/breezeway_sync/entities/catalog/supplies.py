"""The supplies that a company stocks."""

from breezeway_sync.entities.model import AnswerShape, ColumnKind, Company, Entity, Field, Interval, Source

SUPPLIES = Entity(
    name="supplies",
    table="supplies",
    singular="supply",
    key=Field("id", ColumnKind.BIGINT, "supply_id"),
    interval=Interval.DAILY,
    company="company_id",
    sources=(Source("supplies", "/supplies", AnswerShape.PAGES, company=Company.COMPANY_ID, may_be_missing=True),),
    stamps=("created_at", "updated_at"),
    fields=(
        Field("company_id", ColumnKind.BIGINT),
        Field("name", ColumnKind.TEXT, "supply_name"),
        Field("description", ColumnKind.TEXT),
        Field("size", ColumnKind.TEXT),
        Field("internal_id", ColumnKind.TEXT),
        Field("unit_cost", ColumnKind.NUMERIC),
        Field("stock_count", ColumnKind.NUMERIC),
        Field("low_stock_alert", ColumnKind.BOOLEAN),
        Field("low_stock_count", ColumnKind.NUMERIC),
        Field("supply_category_id", ColumnKind.BIGINT),
        Field("type_stock_status.code", ColumnKind.TEXT, "stock_status_code"),
        Field("type_stock_status.name", ColumnKind.TEXT, "stock_status_name"),
        Field("created_at", ColumnKind.TIMESTAMP),
        Field("updated_at", ColumnKind.TIMESTAMP),
    ),
)
