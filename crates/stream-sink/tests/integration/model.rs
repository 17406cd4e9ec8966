//! Several processes do anything in any order, and anything happens to them at any call: in the end every message that is
//! committed is visible once.
//!
//! When it fails, proptest prints the shortest such story that it finds, and the seed that makes it again.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use stream_sink::error::SinkError;
use stream_sink::source::Source;

use crate::orders::source;
use crate::trouble::{Moment, Trouble};
use crate::world::{Job, World};

const JOBS: usize = 3;
const SOURCES: usize = 2;

#[derive(Clone, Debug)]
enum Act {
    TakeOver(usize),
    Write(usize, i64),
    Commit,
    Publish,
    /// Takes over, writes and commits, so that there is something to lose.
    Snatch(usize, i64),
    /// The process is killed, and started anew.
    Restart,
    /// So many commits that are published at once, that the numbers of sleeping writers are free again.
    Burst(usize, usize),
    /// Old files are made into few; not by this process, but while it sleeps.
    Compact,
}

#[derive(Clone, Debug)]
enum Happens {
    Nothing,
    Sleep(usize, Vec<(usize, Act)>),
    Kill(usize, Moment),
    Fail(usize, Moment),
}

#[derive(Clone, Debug)]
struct Step {
    job: usize,
    act: Act,
    happens: Happens,
}

fn any_act(with_compaction: bool) -> impl Strategy<Value = Act> {
    let compactions = u32::from(with_compaction) * 2;
    prop_oneof![
        4 => (0..SOURCES).prop_map(Act::TakeOver),
        5 => (0..SOURCES, 1..40_i64).prop_map(|(source, n)| Act::Write(source, n)),
        4 => Just(Act::Commit),
        4 => Just(Act::Publish),
        4 => (0..SOURCES, 1..40_i64).prop_map(|(source, n)| Act::Snatch(source, n)),
        1 => Just(Act::Restart),
        2 => (0..SOURCES, 6..14_usize).prop_map(|(source, n)| Act::Burst(source, n)),
        compactions => Just(Act::Compact),
    ]
}

fn any_step(with_compaction: bool) -> impl Strategy<Value = Step> {
    let moment = || prop_oneof![Just(Moment::Before), Just(Moment::HalfWay), Just(Moment::After)];
    // Most acts make few calls, and a burst many.
    let call = || prop_oneof![2 => 0..20_usize, 1 => 0..60_usize];
    let meanwhile = proptest::collection::vec((0..JOBS, any_act(with_compaction)), 1..6);
    let happens = prop_oneof![
        4 => Just(Happens::Nothing),
        3 => (call(), meanwhile).prop_map(|(at, acts)| Happens::Sleep(at, acts)),
        1 => (call(), moment()).prop_map(|(at, moment)| Happens::Kill(at, moment)),
        1 => (call(), moment()).prop_map(|(at, moment)| Happens::Fail(at, moment)),
    ];
    (0..JOBS, any_act(with_compaction), happens).prop_map(|(job, act, happens)| Step {
        job,
        act,
        happens,
    })
}

/// A process, which others cannot make act while it acts.
type Shared = Arc<Mutex<Job>>;

fn run(world: World, steps: Vec<Step>) {
    let world = Arc::new(world);
    let sources: Arc<Vec<Source>> = Arc::new((0..SOURCES as i32).map(source).collect());
    let jobs: Arc<Vec<Shared>> =
        Arc::new((0..JOBS).map(|n| Arc::new(Mutex::new(start(&world, n)))).collect());
    for Step { job: number, act, happens } in steps {
        let mut job = jobs[number].lock().unwrap();
        match happens {
            Happens::Nothing => {}
            Happens::Sleep(at, acts) => {
                let (world, sources, jobs) = (world.clone(), sources.clone(), jobs.clone());
                let meanwhile = move || {
                    for (other, act) in acts.into_iter().filter(|(other, _)| *other != number) {
                        let mut job = jobs[other].lock().unwrap();
                        perform(&world, &sources, other, &mut job, &act);
                    }
                };
                job.process.expect_at(at, Trouble::Pause(Box::new(meanwhile)));
            }
            Happens::Kill(at, moment) => job.process.expect_at(at, Trouble::Kill(moment)),
            Happens::Fail(at, moment) => job.process.expect_at(at, Trouble::Fail(moment)),
        }
        perform(&world, &sources, number, &mut job, &act);
        job.process.forget();
        if job.process.is_dead() {
            *job = start(&world, number);
        }
    }
    drop(jobs);
    world.settle(&sources);
}

fn start(world: &World, number: usize) -> Job {
    world.job(&format!("job {number}"))
}

fn perform(world: &World, sources: &[Source], number: usize, job: &mut Job, act: &Act) {
    match act {
        Act::TakeOver(source) => tolerate(job, |job| job.take_over(&sources[*source])),
        Act::Write(source, messages) => {
            tolerate(job, |job| job.write(&sources[*source], *messages))
        }
        Act::Commit => tolerate(job, Job::commit),
        Act::Publish => publish(job),
        Act::Snatch(source, messages) => {
            let source = &sources[*source];
            tolerate(job, |job| job.take_over(source));
            tolerate(job, |job| job.write(source, *messages));
            tolerate(job, Job::commit);
        }
        Act::Restart => {
            job.process.forget();
            *job = start(world, number);
        }
        Act::Burst(source, commits) => {
            let source = &sources[*source];
            tolerate(job, |job| job.take_over(source));
            for _ in 0..*commits {
                tolerate(job, |job| job.write(source, 2));
                tolerate(job, Job::commit);
                publish(job);
            }
        }
        Act::Compact => world.compact(),
    }
}

fn publish(job: &mut Job) {
    tolerate(job, |job| {
        let progress = job.publish()?;
        // What cannot be done now is to be tried again.
        assert!(progress.problem.as_ref().is_none_or(SinkError::is_retryable));
        Ok(())
    });
}

/// Somebody else has taken over, or the store does not answer: nothing else may come out of it. What a process says that is
/// killed does not matter.
fn tolerate(job: &mut Job, act: impl FnOnce(&mut Job) -> Result<(), SinkError>) {
    match act(job) {
        Ok(()) | Err(SinkError::Fenced { .. }) => {}
        Err(error) if error.is_retryable() || job.process.is_dead() => {}
        Err(error) => panic!("{error}: {error:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_message_once(steps in proptest::collection::vec(any_step(false), 1..40)) {
        run(World::new(), steps);
    }

    #[test]
    fn every_message_once_while_old_files_are_compacted(
        steps in proptest::collection::vec(any_step(true), 1..30),
    ) {
        run(World::new(), steps);
    }

    #[test]
    fn every_message_once_in_a_store_without_renames(
        steps in proptest::collection::vec(any_step(true), 1..30),
    ) {
        run(World::without_renames(), steps);
    }
}
