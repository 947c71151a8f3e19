use std::collections::BTreeSet;

use crate::program::Place;

/// Every metric that the operators' table names, and every value of a label.
fn named() -> BTreeSet<String> {
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/../limits.md");
    let table = std::fs::read_to_string(table).expect("the table is there");
    let rows = table.lines().filter(|line| line.starts_with("| "));
    let metrics = rows.skip(1).filter_map(|row| row.split('|').nth(4));
    let words = metrics.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    words.map(str::to_owned).collect()
}

fn is_there(word: &str, scrape: &str) -> bool {
    let mut lines = scrape.lines();
    if word.starts_with("colloquy_") || word.starts_with("process_") {
        let family = format!("# TYPE {word} ");
        return lines.any(|line| line.starts_with(&family));
    }
    let value = format!("=\"{word}\"");
    lines.any(|line| line.contains(&value))
}

#[test]
fn every_metric_that_the_table_of_limits_names_is_there_from_the_start() {
    let named = named();
    assert!(named.len() > 40, "the table is read: {named:?}");
    let place = Place::new();
    let serving = place.serve();
    let scrape = serving.get("/metrics");
    let missing: Vec<&String> = named
        .iter()
        .filter(|word| !is_there(word, &scrape))
        .collect();
    assert!(missing.is_empty(), "{missing:?} are not in\n{scrape}");
    let (status, _) = serving.terminate();
    assert!(status.success(), "{status}");
}
