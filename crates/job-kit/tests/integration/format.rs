use job_kit::format::{Column, Table, megabytes, percent, thousands};

#[test]
fn integers_and_decimals_are_grouped() {
    let check = |number: &dyn std::fmt::Display, expected| assert_eq!(thousands(number), expected);
    check(&0, "0");
    check(&999, "999");
    check(&1000, "1,000");
    check(&541_909_u64, "541,909");
    check(&-1_234_567_i64, "-1,234,567");
    check(&u128::MAX, "340,282,366,920,938,463,463,374,607,431,768,211,455");
    check(&"8911407.904", "8,911,407.904");
    check(&"-100.5", "-100.5");
    check(&format_args!("{:.2}", 8_911_407.9), "8,911,407.90");
}

#[test]
fn megabytes_and_percent() {
    assert_eq!(megabytes(45_580_670), "45.6 MB");
    assert_eq!(megabytes(12_345_678_901), "12,345.7 MB");
    assert_eq!(percent(135_080, 541_909), "24.9 %");
    assert_eq!(percent(0, 0), "-");
}

#[test]
fn a_table_lines_up_and_leaves_no_trailing_blanks() {
    let mut table =
        Table::new([Column::left("segment"), Column::right("customers"), Column::left("note")]);
    table.row(["High Value VIP", "1,234", ""]);
    table.row(["Café", "7", "é counts once"]);
    table.row(["Churn Risk"]);
    let mut out = Vec::new();
    table.write_to(&mut out).unwrap();
    let expected = "\
segment         customers  note
--------------  ---------  -------------
High Value VIP      1,234
Café                    7  é counts once
Churn Risk
";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}
