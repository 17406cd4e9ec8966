//! Runs that are killed between any two steps of a publication into Hive.

use test_cluster::{Cluster, Part};
use warehouse::fault;

use super::{HiveJob, VIEWS};
use crate::job::{ended, orders};

/// Places and turns: what is done once a table or view is reached three times.
fn points(creating: bool) -> Vec<(&'static str, usize)> {
    let all = fault::POINTS.iter().filter(|point| !fault::LOCAL_ONLY.contains(point));
    let all = all.filter(|point| (**point == fault::TABLE_CREATED) == creating);
    let turns = |point| if fault::SERVER_ONLY.contains(&point) { 3 } else { 1 };
    all.flat_map(|&point| (1..=turns(point)).map(move |turn| (point, turn))).collect()
}

/// How many views show the new snapshot when a run ends at this place.
fn views_published(point: &str, turn: usize) -> usize {
    match point {
        fault::VIEW_PUBLISHED => turn,
        fault::PUBLISHED | fault::OLD_RUNS_RETIRED => VIEWS.len(),
        _ => 0,
    }
}

fn kill(hive: &HiveJob<'_>, input: &str, date: &str, point: &str, turn: usize) {
    let args = hive.run_on(input, date);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut command = hive.command(&args);
    let killed = ended(command.env("RFM_FAULT", format!("{point}#{turn}")).output().unwrap());
    assert_eq!(killed.code, None, "{point}#{turn} was not reached: {killed:?}");
}

#[test]
fn on_a_new_date_each_view_shows_the_old_snapshot_or_the_new_one() {
    let cluster = Cluster::shared(&[Part::Hive]);
    let hive = HiveJob::new(cluster, "killed_new_date");
    let mut beeline = cluster.beeline();
    hive.put("a.csv", &orders(3_000, 1, 0.0));
    hive.put("b.csv", &orders(3_000, 2, 0.0));
    hive.report("a.csv", "2012-01-01");
    let mut old = hive.seen(&mut beeline);
    for (n, (point, turn)) in points(false).into_iter().enumerate() {
        let input = ["b.csv", "a.csv"][n % 2];
        let date = format!("2012-02-{:02}", n + 1);
        kill(&hive, input, &date, point, turn);
        let between = hive.seen(&mut beeline);
        // The next run needs no help, and waits for nobody: the claim of a dead process holds nothing.
        hive.report(input, &date);
        let new = hive.seen(&mut beeline);
        assert!(old.iter().zip(&new).all(|(old, new)| old != new && !new.is_empty()));
        let published = views_published(point, turn);
        for (index, view) in VIEWS.iter().enumerate() {
            // Profiles name the run, which the second run is another one: everything else is compared.
            let expected = if index < published { &new[index] } else { &old[index] };
            assert_eq!(
                without_run(&between[index]),
                without_run(expected),
                "{point}#{turn}: {view}"
            );
        }
        old = new;
    }
    // Three tables, a snapshot of every run that was published: nothing is left of the killed ones but what is kept
    // for readers.
    let runs = hive.run_directories();
    let expected = 3 * (points(false).len() + 1);
    assert!(runs.len() >= expected, "{} of {expected}", runs.len());
    hive.run("a.csv", "2012-03-01", &["--set", "batch.keep_old_runs=0s"]);
    let ended = hive.run("a.csv", "2012-03-01", &["--set", "batch.keep_old_runs=0s"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    // The run before may still be read, so it is there too.
    assert_eq!(hive.run_directories().len(), expected + 6);
}

#[test]
fn on_the_same_date_each_view_shows_the_old_rows_or_the_new_ones() {
    let cluster = Cluster::shared(&[Part::Hive]);
    let hive = HiveJob::new(cluster, "killed_same_date");
    let mut beeline = cluster.beeline();
    hive.put("a.csv", &orders(3_000, 3, 0.0));
    hive.put("b.csv", &orders(3_000, 4, 0.0));
    hive.report("a.csv", "2012-01-01");
    let mut old = hive.seen(&mut beeline);
    let places = [(fault::PUBLISH_STARTED, 1), (fault::PARTITION_PUBLISHED, 1)];
    let places = places.into_iter().chain([(fault::PARTITION_PUBLISHED, 2), (fault::PUBLISHED, 1)]);
    for (n, (point, turn)) in places.enumerate() {
        let input = ["b.csv", "a.csv"][n % 2];
        kill(&hive, input, "2012-01-01", point, turn);
        let between = hive.seen(&mut beeline);
        hive.report(input, "2012-01-01");
        let new = hive.seen(&mut beeline);
        // The views stay where they are, so here each table changes with its partition.
        let published = match point {
            fault::PARTITION_PUBLISHED => turn,
            fault::PUBLISHED => VIEWS.len(),
            _ => 0,
        };
        for (index, view) in VIEWS.iter().enumerate() {
            let expected = if index < published { &new[index] } else { &old[index] };
            assert_eq!(
                without_run(&between[index]),
                without_run(expected),
                "{point}#{turn}: {view}"
            );
        }
        old = new;
    }
}

#[test]
fn the_very_first_run() {
    let cluster = Cluster::shared(&[Part::Hive]);
    let hive = HiveJob::new(cluster, "killed_first");
    let mut beeline = cluster.beeline();
    hive.put("a.csv", &orders(3_000, 5, 0.0));
    // Each run creates one table more.
    for (point, _) in points(true) {
        kill(&hive, "a.csv", "2012-01-01", point, 1);
        assert_eq!(hive.seen(&mut beeline), [const { Vec::<String>::new() }; 3]);
    }
    hive.report("a.csv", "2012-01-01");
    assert!(hive.seen(&mut beeline).iter().all(|rows| !rows.is_empty()));
    assert_eq!(hive.run_directories().len(), 3);
}

/// Rows without the name of the run.
fn without_run(rows: &[String]) -> Vec<String> {
    let is_run = |part: &&str| !part.starts_with("run-");
    rows.iter().map(|row| row.split('|').filter(is_run).collect::<Vec<_>>().join("|")).collect()
}
