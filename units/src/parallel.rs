//! Many small independent jobs, spread over the processor where they are worth it.
//!
//! Knows nothing of what the jobs do; the results come in the order of the jobs, so nothing shows that they
//! were done side by side.

use std::thread;

/// Below this a thread costs more than it saves.
const WORTH_IT: usize = 64;

/// More workers only wait for each other in one directory.
const MOST_WORKERS: usize = 4;

/// Does one job for each item, with the number of the worker that does it.
pub fn map<T: Sync, R: Send>(items: &[T], job: impl Fn(usize, &T) -> R + Sync) -> Vec<R> {
    let workers = match items.len() < WORTH_IT {
        true => 1,
        false => thread::available_parallelism().map_or(1, usize::from).min(MOST_WORKERS),
    };
    if workers < 2 {
        return items.iter().map(|item| job(0, item)).collect();
    }
    let job = &job;
    let size = items.len().div_ceil(workers);
    thread::scope(|scope| {
        let running: Vec<_> = items
            .chunks(size)
            .enumerate()
            .map(|(worker, chunk)| {
                let all = move || chunk.iter().map(|item| job(worker, item)).collect::<Vec<_>>();
                // Where no thread is to be had, the work is done here.
                thread::Builder::new().spawn_scoped(scope, all).map_err(|_| all())
            })
            .collect();
        let done = running.into_iter().map(|worker| match worker {
            Ok(worker) => worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(results) => results,
        });
        done.flatten().collect()
    })
}
