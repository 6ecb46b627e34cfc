internal import CLibXML
import Glibc

/// Feeds a page to libxml2 in pieces, and ends the input when the page has cost too much: libxml2 compares
/// each attribute with all earlier ones of its tag and each end tag with all open elements, so 10 MB of
/// hostile markup would take hours.
struct ParserInput {
    /// CPU time for any page, and for each MiB more. An honest page takes some 30 ms a MiB.
    static let baseBudgetNanoseconds: UInt64 = 1_000_000_000
    static let budgetNanosecondsPerMiB: UInt64 = 300_000_000
    /// What libxml2 asks for anyway; small enough that even the worst piece costs little.
    static let maxPieceBytes = 4000

    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    private let deadline: UInt64
    private let parser: xmlParserCtxtPtr
    private(set) var isExpired = false

    init(_ bytes: UnsafeRawBufferPointer, for parser: xmlParserCtxtPtr) {
        self.bytes = bytes
        self.parser = parser
        let budget = Self.baseBudgetNanoseconds + UInt64(bytes.count >> 20) * Self.budgetNanosecondsPerMiB
        deadline = Self.threadNanoseconds() + budget
    }

    /// Libxml2's read callback: 0 is the end.
    static let read: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<CChar>?, Int32) -> Int32 =
        {
            context, target, room in
            guard let context, let target else { return -1 }
            return context.assumingMemoryBound(to: ParserInput.self).pointee.read(
                into: target, room: Int(room))
        }

    private mutating func read(into target: UnsafeMutablePointer<CChar>, room: Int) -> Int32 {
        let count = min(room, Self.maxPieceBytes, bytes.count - position)
        guard count > 0, let base = bytes.baseAddress else { return 0 }
        if position > 0, Self.threadNanoseconds() > deadline {
            isExpired = true
            // The tag being read may have a hundred thousand attributes: none of them is worth a node any
            // more.
            parser.pointee.sax.pointee.startElement = nil
            return 0
        }
        memcpy(target, base + position, count)
        position += count
        return Int32(count)
    }

    private static func threadNanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
