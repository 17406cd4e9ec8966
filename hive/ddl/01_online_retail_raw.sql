-- The order lines as they stand in the CSV files, every column as text. For looking at the input: the jobs do not read it.
-- Column names by position, so the files must have the columns of Online Retail in their usual order.
CREATE EXTERNAL TABLE IF NOT EXISTS ${hivevar:database}.${hivevar:prefix}online_retail_raw (
  invoice_no STRING COMMENT 'invoice number, C or A in front for cancellations and adjustments',
  stock_code STRING COMMENT 'article number',
  description STRING COMMENT 'article name',
  quantity STRING COMMENT 'number of items, negative for returns',
  invoice_date STRING COMMENT 'time of the order as the file has it',
  unit_price STRING COMMENT 'price of one item',
  customer_id STRING COMMENT 'customer number, empty if unknown',
  country STRING COMMENT 'country of the customer'
)
COMMENT 'order lines as they are in the CSV files, unparsed'
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'
STORED AS TEXTFILE
LOCATION '${hivevar:input}'
TBLPROPERTIES ('skip.header.line.count'='1', 'external.table.purge'='false');
