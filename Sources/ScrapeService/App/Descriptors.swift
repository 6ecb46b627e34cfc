import Glibc

/// The process's limit of open descriptors.
enum Descriptors {
    /// Raises the soft limit to the hard one: a thousand fetches and ten thousand clients need more than the usual 1024.
    /// Where that is refused, the limit stays as it is and shows as refused connections.
    static func raiseLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
