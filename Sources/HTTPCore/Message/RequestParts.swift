import HTTPTypes
import Synchronization

/// The parts of a request that do not change on the way to its handler.
///
/// Its fields stay as they came until somebody asks for one, since many handlers never do. Its memory serves the next
/// request when no handler has kept this one: no allocation a request.
// @unchecked: the values change only while one request, being filled, is the only one that holds them.
final class RequestParts: @unchecked Sendable {
    struct Values {
        var method: HTTPRequest.Method
        var path: String
        var query: String?
        var id: String
        var remoteAddress: String?
    }

    /// Bytes of field lines kept for the next request. 4 KiB: most heads.
    private static let keptBytes = 4096

    /// Behind a pointer, since the runtime checks each access to a class's variables.
    private let memory = UnsafeMutablePointer<(values: Values, lines: [UInt8])>.allocate(capacity: 1)
    /// `nil` until they are asked for.
    private let read: Mutex<HTTPFields?>

    init(_ values: consuming Values, fields: HTTPFields) {
        memory.initialize(to: (values, []))
        read = Mutex(fields)
    }

    init(_ values: consuming Values, lines: UnsafeBufferPointer<UInt8>) {
        memory.initialize(to: (values, Array(lines)))
        read = Mutex(nil)
    }

    deinit {
        memory.deinitialize(count: 1)
        memory.deallocate()
    }

    func refill(_ values: consuming Values, lines: UnsafeBufferPointer<UInt8>) {
        memory.pointee.values = values
        memory.pointee.lines.removeAll(keepingCapacity: memory.pointee.lines.capacity <= Self.keptBytes)
        memory.pointee.lines.append(contentsOf: lines)
        read.withLock { $0 = nil }
    }

    var values: Values {
        @inline(__always) _read { yield memory.pointee.values }
    }

    var fields: HTTPFields {
        read.withLock { read in
            if let read { return read }
            let fields = FieldLines.read(memory.pointee.lines.span)
            read = fields
            return fields
        }
    }
}
