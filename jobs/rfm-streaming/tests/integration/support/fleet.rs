//! Several instances of the program that come, go and are killed.

use std::time::{Duration, Instant};

use stream_sink::fault;

use super::job::Job;
use super::random::Random;
use super::running::{Ended, Running};

/// Longer than the group waits for a member: it is taken for dead.
const ZOMBIE_MILLIS: (u64, u64) = (7_000, 4_000);

/// Instances of one group. One that ends without being told to fails the test.
pub(crate) struct Fleet<'p> {
    jobs: Vec<Job<'p>>,
    running: Vec<Option<Member>>,
    random: Random,
    /// What was done, and what those said that have ended.
    story: Vec<String>,
    begun: Instant,
}

struct Member {
    process: Running,
    /// When a stopped one is to go on.
    wakes_at: Option<Instant>,
}

impl<'p> Fleet<'p> {
    /// One instance of each job, none of them started.
    pub(crate) fn new(jobs: Vec<Job<'p>>, seed: u64) -> Self {
        let running = jobs.iter().map(|_| None).collect();
        let (random, story) = (Random::new(seed), Vec::new());
        Self { jobs, running, random, story, begun: Instant::now() }
    }

    fn note(&mut self, what: String) {
        self.story.push(format!("{:9.3} {what}", self.begun.elapsed().as_secs_f64()));
    }

    /// Does something to one of them, by chance. Whether that was a SIGKILL.
    pub(crate) fn disturb(&mut self) -> bool {
        self.look_after();
        let slot = self.random.below(self.jobs.len() as u64) as usize;
        if self.running[slot].is_none() {
            self.start(slot);
            return false;
        }
        match self.random.below(10) {
            0..=5 => {
                let member = self.running[slot].take().unwrap();
                self.note(format!("{slot}: KILL {}", member.process.id()));
                let ended = member.process.kill();
                self.keep(slot, &ended);
                // Often another one is started at once, as YARN or systemd does.
                if self.random.below(3) > 0 {
                    self.start(slot);
                }
                true
            }
            6 => {
                self.terminate(slot);
                false
            }
            7..=8 => {
                let (least, more) = ZOMBIE_MILLIS;
                let millis = least + self.random.below(more);
                self.pause(slot, millis);
                false
            }
            _ => false,
        }
    }

    fn start(&mut self, slot: usize) {
        let mut job = self.jobs[slot].clone();
        let mut fault = String::new();
        if self.random.below(3) == 0 {
            let (point, turn) = (*self.random.pick(fault::POINTS), 1 + self.random.below(15));
            fault = format!("{point}#{turn}:pause={}", 500 + self.random.below(7_500));
            job = job.fault(&fault);
        }
        let process = job.start();
        self.note(format!("{slot}: start {} {fault}", process.id()));
        self.running[slot] = Some(Member { process, wakes_at: None });
    }

    fn pause(&mut self, slot: usize, millis: u64) {
        let member = self.running[slot].as_mut().unwrap();
        if member.wakes_at.is_some() {
            return;
        }
        member.process.signal("STOP");
        member.wakes_at = Some(Instant::now() + Duration::from_millis(millis));
        let id = member.process.id();
        self.note(format!("{slot}: STOP {id} for {millis} ms"));
    }

    fn terminate(&mut self, slot: usize) {
        let mut member = self.running[slot].take().unwrap();
        self.note(format!("{slot}: TERM {}", member.process.id()));
        member.process.signal("CONT");
        member.process.signal("TERM");
        let ended = member.process.wait();
        self.keep(slot, &ended);
        // Before it has begun to listen the signal ends it as any process.
        const SIGTERM: i32 = 15;
        let in_order = ended.code == Some(0) || ended.signal == Some(SIGTERM);
        assert!(in_order, "{slot}, told to stop: {ended}");
    }

    /// Wakes those up whose time has come, and expects all to be there.
    pub(crate) fn look_after(&mut self) {
        for slot in 0..self.running.len() {
            let Some(member) = &mut self.running[slot] else { continue };
            let id = member.process.id();
            if member.wakes_at.is_some_and(|at| at <= Instant::now()) {
                member.process.signal("CONT");
                member.wakes_at = None;
                self.note(format!("{slot}: CONT {id}"));
            } else if member.process.has_ended() {
                let ended = self.running[slot].take().unwrap().process.wait();
                self.keep(slot, &ended);
                panic!("{slot}: process {id} has ended by itself: {ended}");
            }
        }
    }

    /// Lets all of them end in good order.
    pub(crate) fn stop(&mut self) {
        for slot in 0..self.running.len() {
            if self.running[slot].is_some() {
                self.terminate(slot);
            }
        }
    }

    fn keep(&mut self, slot: usize, ended: &Ended) {
        self.note(format!("{slot}: {ended}"));
    }
}

impl Drop for Fleet<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for slot in 0..self.running.len() {
            if let Some(member) = self.running[slot].take() {
                let ended = member.process.kill();
                self.keep(slot, &ended);
            }
        }
        let file = std::env::temp_dir().join(format!("rfm-soak-{}.log", std::process::id()));
        let _ = std::fs::write(&file, self.story.join("\n"));
        eprintln!("what was done, and what all processes said: {}", file.display());
    }
}
