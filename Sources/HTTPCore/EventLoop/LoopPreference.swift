/// A loop as a task's preferred executor: `Task(executorPreference: LoopPreference(loop))`.
///
/// Worth it for a task that suspends often. The runtime resumes a continuation on the default executor first and hops to
/// the actor from there: two threads and two wake-ups. A task that prefers the loop is resumed on the loop at once. Its
/// `@concurrent` functions and child tasks run on the loop as well, so keep long computations out of it.
public final class LoopPreference: TaskExecutor {
    private let loop: EventLoop

    /// A preference for `loop`, which must outlive the task.
    public init(_ loop: EventLoop) { self.loop = loop }

    /// Runs a job of Swift's runtime on the loop.
    public func enqueue(_ job: consuming ExecutorJob) {
        loop.enqueue(UnownedJob(job), preferring: asUnownedTaskExecutor())
    }
}
