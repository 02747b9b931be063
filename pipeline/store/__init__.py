"""PostgreSQL: tables, migrations, and one module an aggregate."""
