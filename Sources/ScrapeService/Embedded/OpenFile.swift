import Glibc
import Synchronization

/// A descriptor that is closed once, and never inherited by a child unless handed to it.
final class OpenFile: Sendable {
    private let open: Mutex<Int32>

    private init(_ descriptor: Int32) {
        open = Mutex(descriptor)
    }

    deinit { close() }

    var descriptor: Int32 { open.withLock { $0 } }

    func close() {
        open.withLock { descriptor in
            if descriptor >= 0 { _ = Glibc.close(descriptor) }
            descriptor = -1
        }
    }

    /// Descriptors below this one stay free for what a child gets: its standard three and the lock.
    private static let lowestDescriptor: Int32 = 10

    /// Opens without following a symbolic link at the end of `path`.
    static func open(
        _ path: String, _ flags: Int32, mode: mode_t = 0
    ) throws(EmbeddedPostgresError) -> OpenFile {
        let low = try EmbeddedPostgresError.check("open", path) {
            Glibc.open(path, flags | O_CLOEXEC | O_NOFOLLOW, mode)
        }
        return try raised(low, path)
    }

    /// A pipe whose reading end does not block.
    static func pipe() throws(EmbeddedPostgresError) -> (reading: OpenFile, writing: OpenFile) {
        var ends: [Int32] = [-1, -1]
        try EmbeddedPostgresError.check("pipe", "") { Glibc.pipe(&ends) }
        let writing = try raised(ends[1], "pipe")
        let reading = try raised(ends[0], "pipe")
        _ = fcntl(reading.descriptor, F_SETFL, O_NONBLOCK)
        return (reading, writing)
    }

    /// What `text` says, to be read once.
    static func holding(_ text: String) throws(EmbeddedPostgresError) -> OpenFile {
        let pipe = try pipe()
        // Far below a pipe's 64 KiB, so this does not block.
        _ = text.utf8CString.withUnsafeBytes { write(pipe.writing.descriptor, $0.baseAddress, $0.count - 1) }
        pipe.writing.close()
        return pipe.reading
    }

    /// Appends what is there to read now.
    func drain(into bytes: inout [UInt8]) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count <= 0 { return }
            bytes.append(contentsOf: buffer.prefix(count))
        }
    }

    private static func raised(_ low: Int32, _ path: String) throws(EmbeddedPostgresError) -> OpenFile {
        defer { _ = Glibc.close(low) }
        return OpenFile(
            try EmbeddedPostgresError.check("fcntl", path) { fcntl(low, F_DUPFD_CLOEXEC, lowestDescriptor) })
    }

    /// The last bytes of a file from `offset` on; empty if it cannot be read.
    static func tail(_ path: String, from offset: Int = 0) -> String {
        guard let file = try? open(path, O_RDONLY | O_NONBLOCK) else { return "" }
        let end = Int(lseek(file.descriptor, 0, SEEK_END))
        let start = max(offset, end - EmbeddedPostgres.Limits.maxQuotedBytes)
        guard end > start else { return "" }
        var bytes = [UInt8](repeating: 0, count: end - start)
        let count = pread(file.descriptor, &bytes, bytes.count, start)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    /// The beginning of a small file; nil if it cannot be read.
    static func text(_ path: String) -> String? {
        guard let file = try? open(path, O_RDONLY | O_NONBLOCK) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 16384)
        let count = read(file.descriptor, &bytes, bytes.count)
        return count < 0 ? nil : String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}

/// Blocks this thread, which is never one of the cooperative pool.
enum Pause {
    static func sleep(_ duration: Duration) {
        usleep(UInt32(max(0, duration / .microseconds(1))))
    }
}
