"""What the product says of itself, against an API that can be told anything: no claim outruns its evidence."""
