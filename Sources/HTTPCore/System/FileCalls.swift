import CLinux
import Glibc

/// What a descriptor of a file says about it.
struct FileStatus: Hashable, Sendable {
    var isRegular: Bool
    /// In bytes.
    var length: Int
    /// Of the last change of its content, since 1970, UTC.
    var seconds: Int
    var nanoseconds: Int
}

/// The system calls of files. All descriptors close on exec; none follows a symbolic link.
enum FileCalls {
    static func openDirectory(_ path: String) throws(SystemError) -> Int32 {
        try systemCall("open") { Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    }

    /// `name`, one component, inside a directory. Opening a pipe or a device does not wait for its other end.
    static func open(
        _ name: String, in directory: Int32, asDirectory: Bool
    ) throws(SystemError) -> Int32 {
        let kind = asDirectory ? O_DIRECTORY : O_NONBLOCK | O_NOCTTY
        return try systemCall("openat") {
            openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | kind)
        }
    }

    static func status(_ descriptor: Int32) throws(SystemError) -> FileStatus {
        var status = stat()
        try systemCall("fstat") { fstat(descriptor, &status) }
        return FileStatus(
            isRegular: status.st_mode & S_IFMT == S_IFREG, length: Int(status.st_size),
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
    }

    /// Reads what is in the page cache; `.wouldBlock` where that is nothing, or the file system cannot tell.
    static func readCached(
        _ descriptor: Int32, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> NonBlocking<Int> {
        var vector = iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
        do throws(SystemError) {
            return try nonBlockingCall("preadv2") {
                preadv2(descriptor, &vector, 1, offset, Int32(HTTPCORE_RWF_NOWAIT))
            }
        } catch {
            if error.errno == EOPNOTSUPP || error.errno == ENOSYS { return .wouldBlock }
            throw error
        }
    }

    /// Waits for the disk; 0 is the file's end.
    static func read(
        _ descriptor: Int32, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> Int {
        switch try nonBlockingCall("pread", { pread(descriptor, buffer.baseAddress, buffer.count, offset) }) {
        case .done(let count): return count
        case .wouldBlock: throw SystemError(call: "pread", errno: EAGAIN)
        }
    }

    static func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }
}
