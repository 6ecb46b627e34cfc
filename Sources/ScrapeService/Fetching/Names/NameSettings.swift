/// The limits of looking up names, each with its unit, default and reason; and who is asked.
struct NameSettings: Sendable {
    /// Threads that wait for the system's resolver. 32: one that no server answers blocks its thread for some 10 s, and
    /// with 32 a few dead names do not hold up the others; a waiting thread costs a few KiB.
    var maxThreads = 32
    /// Names whose answers are kept, some 1 KiB each. 2048: more hosts than the connections kept open.
    var maxNames = 2048
    /// Seconds an answer is used. 30: a moved host is found again soon, and a busy one is asked for twice a minute.
    var answerSeconds = 30
    /// Seconds a failure to find a name is believed. 5: a job's other pages at a dead host fail at once, a retry asks anew.
    var failureSeconds = 5
    /// Addresses of a name that are tried, of however many it has; all of them are judged. 16: round robins are smaller.
    var maxAddresses = 16
    /// What is asked; tests ask something else than the system.
    var lookUp: @Sendable (String) -> NameLookup = NameLookup.system
}
