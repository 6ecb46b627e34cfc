internal import CLibXML

/// Makes the named references of an XML page numeric. After the first error in a page (feeds love `&nbsp;`,
/// which XML does not know) libxml2's recovering parser drops even `&amp;`; character references it keeps.
enum XMLReferences {
    /// The longest name that HTML defines, in bytes, as libxml2 knows them (`thetasym`).
    private static let maxNameBytes = 8

    /// Nil where there is nothing to rewrite.
    static func rewritten(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
        guard bytes.contains(UInt8(ascii: "&")) else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + bytes.count / 16)
        var position = bytes.startIndex
        while position < bytes.endIndex {
            switch bytes[position] {
            case UInt8(ascii: "<") where bytes[position...].starts(with: "<![CDATA[".utf8):
                let end = endOfCDATA(bytes, from: position)
                result += bytes[position..<end]
                position = end
            case UInt8(ascii: "&"):
                let (reference, end) = reference(bytes, at: position)
                result += reference
                position = end
            default:
                result.append(bytes[position])
                position += 1
            }
        }
        return result
    }

    private static func endOfCDATA(_ bytes: ArraySlice<UInt8>, from start: Int) -> Int {
        var position = start
        while position < bytes.endIndex {
            if bytes[position] == UInt8(ascii: "]"), bytes[position...].starts(with: "]]>".utf8) {
                return position + 3
            }
            position += 1
        }
        return bytes.endIndex
    }

    /// What to write for the reference that starts at `position`, and where it ends.
    private static func reference(_ bytes: ArraySlice<UInt8>, at position: Int) -> ([UInt8], end: Int) {
        let unchanged = ([UInt8(ascii: "&")], position + 1)
        let window = bytes[(position + 1)...].prefix(maxNameBytes + 1)
        guard let semicolon = window.firstIndex(of: UInt8(ascii: ";")) else { return unchanged }
        let name = String(decoding: window[..<semicolon], as: UTF8.self)
        if name == "apos" { return (Array("&#39;".utf8), semicolon + 1) }
        guard let entity = htmlEntityLookup(name) else { return unchanged }
        return (Array("&#\(entity.pointee.value);".utf8), semicolon + 1)
    }
}
