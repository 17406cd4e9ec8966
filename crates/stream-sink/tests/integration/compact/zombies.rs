//! Compactions that sleep while others take their claim over, and that then go on.

use stream_sink::fault::COMPACT_POINTS;

use super::helper::start;
use super::world::{DAYS, World, keep_nothing, settle, temporary};

/// As if the lease were over.
fn take_claims_away(world: &World) {
    for table in &world.tables {
        world.layout.compaction(table).join("claim").remove_file().unwrap();
    }
}

#[test]
fn at_every_point() {
    // It wakes up before, while or after others do the same again.
    for runs in [1, 2] {
        for point in COMPACT_POINTS {
            let (_dir, world, folder) = temporary();
            let mut stream = world.fill(&DAYS[..2], 2);
            let mut zombie = start(&folder, &format!("{point}:pause=600"), 0);
            assert!(zombie.pauses(), "{point} is not reached");
            take_claims_away(&world);
            for _ in 0..runs {
                world.compact(&keep_nothing()).unwrap();
                stream.written.check(&world);
            }
            let said = zombie.end().unwrap();
            stream.written.check(&world);
            // A new file, so that there is something to compact wherever the zombie was.
            stream.commit(&DAYS[..2]);
            stream.publish_all();
            settle(&world, &stream.written);
            assert!(said.contains("failed") || said.contains("CompactReport"), "{said}");
        }
    }
}
