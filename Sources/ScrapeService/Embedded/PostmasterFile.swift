/// What `postmaster.pid` says (miscadmin.h, LOCK_FILE_LINE_*): line by line the process id, the data directory, the
/// start time, the port, the socket directory, the listen address, the shared memory key and the status.
struct PostmasterFile: Hashable, Sendable {
    enum Status: String, Sendable {
        case starting, stopping, ready, standby
    }

    let pid: Int32
    let port: Int?
    let socketDirectory: String?
    let status: Status?

    /// Nil if there is no process id in it: the remnant of a crash, or a file that is being written.
    init?(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.trimmed }
        guard let pid = lines.first.flatMap({ Int32($0) }), pid > 0 else { return nil }
        self.pid = pid
        port = lines.count > 3 ? Int(lines[3]) : nil
        socketDirectory = lines.count > 4 && !lines[4].isEmpty ? lines[4] : nil
        status = lines.count > 7 ? Status(rawValue: lines[7]) : nil
    }
}

extension Substring {
    fileprivate var trimmed: String {
        String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
