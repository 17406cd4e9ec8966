"""Usage: CSV SNAPSHOT_DATE RFM_FILES SEGMENT_FILES PROFILE_FILES (lists separated by commas)."""
import sys

try:
    import duckdb
except ImportError:
    sys.exit("this test needs the Python package duckdb: pip install -r dev/requirements.txt, and set RFM_PYTHON to that Python")

csv, date, rfm, segments, profiles = sys.argv[1:]
db = duckdb.connect()
db.execute("set TimeZone = 'UTC'")
for name, files in [("rfm", rfm), ("segments", segments), ("profiles", profiles)]:
    db.execute(f"create view {name} as select * from read_parquet({files.split(',')})")
db.execute(f"""
create table expected as
select CustomerID as customer_id,
       date_diff('day', max(instant)::date, date '{date}') as recency_days,
       count(distinct InvoiceNo) as frequency,
       sum(Quantity * UnitPrice)::decimal(20, 4) as monetary,
       max(instant) as last_order
from (select *, strptime(InvoiceDate, '%-m/%-d/%Y %-H:%M') as instant
      from read_csv('{csv}', header = true, quote = '"', escape = '"', delim = ',', columns = {{
        'InvoiceNo': 'varchar', 'StockCode': 'varchar', 'Description': 'varchar', 'Quantity': 'bigint',
        'InvoiceDate': 'varchar', 'UnitPrice': 'decimal(18,4)', 'CustomerID': 'bigint', 'Country': 'varchar'}}))
where CustomerID is not null and Quantity > 0 and UnitPrice > 0 and not starts_with(InvoiceNo, 'C') and not starts_with(InvoiceNo, 'A')
group by CustomerID""")


def one(query):
    return db.sql(query).fetchall()[0]


def agree(what, difference):
    if difference:
        sys.exit(f"{what}: {difference}")


columns = "customer_id, recency_days, frequency, monetary"
agree("customers only DuckDB finds", db.sql(f"select {columns}, last_order from expected except select {columns}, last_order from rfm").fetchall()[:5])
agree("customers only the table has", db.sql(f"select {columns}, last_order from rfm except select {columns}, last_order from expected").fetchall()[:5])
agree("segments differ from rfm", db.sql(f"select {columns}, r_score, f_score, m_score from rfm except select {columns}, r_score, f_score, m_score from segments").fetchall()[:5])
agree("double customers", db.sql("select customer_id from segments group by 1 having count(*) > 1").fetchall()[:5])
agree("profiles", db.sql("""
    select segment_id, segment, count(*), sum(monetary)::decimal(24, 4), avg(recency_days)::decimal(12, 6), avg(frequency)::decimal(12, 6) from segments group by 1, 2
    except
    select segment_id, segment, customers, revenue, avg_recency_days::decimal(12, 6), avg_frequency::decimal(12, 6) from profiles""").fetchall())
types = dict(one("select {'monetary': typeof(monetary), 'last_order': typeof(last_order), 'customer_id': typeof(customer_id)} from rfm limit 1")[0])
agree("types", {k: v for k, v in types.items() if v != {"monetary": "DECIMAL(20,4)", "last_order": "TIMESTAMP", "customer_id": "BIGINT"}[k]})
n, orders, revenue = one("select count(*), sum(frequency), sum(monetary) from rfm")
if not n:
    sys.exit("the table is empty")
print(f"{n} customers, {orders} orders, {revenue} revenue: all agree")
