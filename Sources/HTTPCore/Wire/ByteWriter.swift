/// Bytes on their way out, written into memory that is kept: heads and small contents, of many answers after each other.
///
/// What changes lies behind a pointer: the runtime checks each access to a class's variables, which for a head's twenty
/// pieces cost more than copying them. Belongs to one thread.
final class ByteWriter {
    /// Capacity kept when it is emptied. 128 KiB: the answers queued before a client has to take some, and one more.
    private static let keptBytes = 128 << 10

    private struct Memory {
        var base: UnsafeMutablePointer<UInt8>
        var capacity: Int
        var count = 0
    }

    private let memory = UnsafeMutablePointer<Memory>.allocate(capacity: 1)

    init() {
        memory.initialize(to: Memory(base: .allocate(capacity: Self.keptBytes), capacity: Self.keptBytes))
    }

    deinit {
        memory.pointee.base.deallocate()
        memory.deallocate()
    }

    var count: Int { memory.pointee.count }

    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: memory.pointee.base, count: memory.pointee.count)
    }

    func removeAll() {
        memory.pointee.count = 0
        if memory.pointee.capacity > Self.keptBytes { reallocate(Self.keptBytes) }
    }

    /// Forgets what was written behind the first `count` bytes.
    func truncate(to count: Int) {
        precondition(count <= self.count)
        memory.pointee.count = count
    }

    /// Where the next `extra` bytes go; the caller fills all of them.
    @inline(__always)
    private func claim(_ extra: Int) -> UnsafeMutablePointer<UInt8> {
        let count = memory.pointee.count
        if count + extra > memory.pointee.capacity {
            reallocate(max(memory.pointee.capacity * 2, count + extra))
        }
        memory.pointee.count = count + extra
        return memory.pointee.base + count
    }

    @inline(never)
    private func reallocate(_ capacity: Int) {
        let other = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        other.update(from: memory.pointee.base, count: memory.pointee.count)
        memory.pointee.base.deallocate()
        memory.pointee.base = other
        memory.pointee.capacity = capacity
    }

    @inline(__always)
    func append(_ byte: UInt8) {
        claim(1).pointee = byte
    }

    @inline(__always)
    func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress else { return }
        claim(bytes.count).update(from: source, count: bytes.count)
    }

    @inline(__always)
    func append(_ text: StaticString) {
        append(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { append($0) }
    }

    func append(text: String) {
        var text = text
        text.withUTF8 { append($0) }
    }

    /// A number that is not negative.
    func append(decimal number: Int) {
        if number >= 10 { append(decimal: number / 10) }
        append(UInt8(ascii: "0") + UInt8(number % 10))
    }

    /// A number that is not negative, in lower-case hexadecimal.
    func append(hexadecimal number: Int) {
        if number >= 16 { append(hexadecimal: number >> 4) }
        let digit = UInt8(number & 15)
        append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
}
