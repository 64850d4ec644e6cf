//! Many small independent jobs, spread over the processor where they are worth it.
//!
//! Knows nothing of what the jobs do; the results come in the order of the jobs, so nothing shows that they
//! were done side by side.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Below this a thread costs more than it saves.
const WORTH_IT: usize = 64;

/// More workers only wait for each other in one directory.
const MOST_WORKERS: usize = 4;

/// How many jobs a worker takes at a time: a thread takes a while to come up, and the others go on meanwhile.
const BATCH: usize = 16;

/// How many workers this process may use at once; reads files, so it is asked once.
pub fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Does one job for each item, with the number of the worker that does it; for a few items one worker does, whatever
/// the number of processors.
pub fn map<T: Sync, R: Send>(items: &[T], processors: usize, job: impl Fn(usize, &T) -> R + Sync) -> Vec<R> {
    let workers = processors.min(MOST_WORKERS);
    if workers < 2 || items.len() < WORTH_IT {
        return items.iter().map(|item| job(0, item)).collect();
    }
    let next = AtomicUsize::new(0);
    let batches = items.chunks(BATCH);
    let work = |worker: usize| {
        let mut done = Vec::with_capacity(batches.len());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(batch) = batches.clone().nth(number) else { return done };
            done.push((number, batch.iter().map(|item| job(worker, item)).collect::<Vec<_>>()));
        }
    };
    let mut done = thread::scope(|scope| {
        let work = &work;
        // Where no thread is to be had, the others do its work.
        let helpers: Vec<_> = (1..workers)
            .filter_map(|worker| thread::Builder::new().spawn_scoped(scope, move || work(worker)).ok())
            .collect();
        let mut done = work(0);
        for helper in helpers {
            done.extend(helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(number, _)| *number);
    let mut all = Vec::with_capacity(items.len());
    for (_, results) in done {
        all.extend(results);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::map;

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        for count in [0, 1, 63, 64, 65, 1000] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(
                map(&items, 4, |_, item| item * 2),
                items.iter().map(|item| item * 2).collect::<Vec<_>>()
            );
        }
    }
}
