//! Two processes that take the same source from each other all the time.

use crate::helper::{Place, Task, Work, told_by, wait_for};
use crate::orders::{FIRST, source};
use crate::world::World;

#[test]
fn each_message_is_written_by_one_of_them() {
    let world = World::new();
    let start = world.path("start");
    let work = Work::Fight { start: start.clone(), take_overs: 30, commits: 4 };
    let names = ["one", "two"];
    let spawn = |name: &str| {
        let place = Place::Folder(world.local.folder().to_owned());
        Task { name: name.to_owned(), place, work: work.clone() }.spawn("")
    };
    let children = names.map(spawn);
    for name in names {
        wait_for("a process", || world.path(&format!("{name}.ready")).exists());
    }
    std::fs::write(&start, "").unwrap();
    let told = children.map(told_by);
    for (told, other) in told.iter().zip(["two", "one"]) {
        assert_eq!(told.len(), 30);
        for line in told {
            assert!(line == "won" || *line == format!("fenced by {other}"), "{line}");
        }
    }
    let fenced = told.iter().flatten().filter(|line| line.starts_with("fenced")).count();
    assert!(fenced > 0, "they have not met");
    let ends = world.settle(&[source(0)]);
    assert!(ends[0] > FIRST, "{ends:?}");
}
