/// A character encoding as the web names it (WHATWG Encoding Standard, section 4).
struct TextEncoding: Hashable, Sendable {
    /// The standard's name.
    let name: String
    let decoder: Decoder

    /// Which algorithm reads it.
    enum Decoder: Hashable, Sendable {
        case utf8, utf16LE, utf16BE, gb18030, big5, eucJP, iso2022JP, shiftJIS, eucKR
        case singleByte, userDefined, replacement
    }

    static let utf8 = TextEncoding(name: "UTF-8", decoder: .utf8)
    static let utf16LE = TextEncoding(name: "UTF-16LE", decoder: .utf16LE)
    static let utf16BE = TextEncoding(name: "UTF-16BE", decoder: .utf16BE)
    static let windows1252 = TextEncoding(name: "windows-1252", decoder: .singleByte)

    private init(name: String, decoder: Decoder) {
        self.name = name
        self.decoder = decoder
    }

    /// "Get an encoding" (section 4.2); nil for a label that the standard does not know.
    init?(label: String) {
        let space: Set<Character> = [" ", "\t", "\n", "\r", "\r\n", "\u{0C}"]
        let trimmed = label.drop { space.contains($0) }
        let end = trimmed.lastIndex { !space.contains($0) }
        guard let end, let known = Self.byLabel[String(trimmed[...end]).asciiLowercased] else { return nil }
        self = known
    }

    /// What a label that a page's own ASCII bytes spell can mean: not UTF-16 (HTML, section 13.2.3.2).
    init?(labelInMarkup label: String) {
        guard let encoding = TextEncoding(label: label) else { return nil }
        switch encoding.decoder {
        case .utf16LE, .utf16BE: self = .utf8
        case .userDefined: self = .windows1252
        default: self = encoding
        }
    }

    /// Every encoding of the standard.
    static let all: [TextEncoding] = labels.map { TextEncoding(name: $0.0, decoder: $0.1) }

    private static let byLabel: [String: TextEncoding] = {
        var table: [String: TextEncoding] = [:]
        for (name, decoder, labels) in labels {
            let encoding = TextEncoding(name: name, decoder: decoder)
            table[name.asciiLowercased] = encoding
            for label in labels.split(separator: " ") { table[String(label)] = encoding }
        }
        return table
    }()

    /// Names, and their labels besides the name.
    private static let labels: [(String, Decoder, String)] = [
        ("UTF-8", .utf8, "utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8"),
        ("UTF-16BE", .utf16BE, "unicodefffe"),
        ("UTF-16LE", .utf16LE, "utf-16 unicode csunicode iso-10646-ucs-2 ucs-2 unicodefeff"),
        (
            "windows-1252", .singleByte,
            """
            ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 \
            iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii x-cp1252
            """
        ),
        ("IBM866", .singleByte, "866 cp866 csibm866"),
        (
            "ISO-8859-2", .singleByte,
            "csisolatin2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2"
        ),
        (
            "ISO-8859-3", .singleByte,
            "csisolatin3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3"
        ),
        (
            "ISO-8859-4", .singleByte,
            "csisolatin4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4"
        ),
        (
            "ISO-8859-5", .singleByte,
            "csisolatincyrillic cyrillic iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988"
        ),
        (
            "ISO-8859-6", .singleByte,
            """
            arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6-e iso-8859-6-i \
            iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987
            """
        ),
        (
            "ISO-8859-7", .singleByte,
            """
            csisolatingreek ecma-118 elot_928 greek greek8 iso-ir-126 iso8859-7 iso88597 iso_8859-7 \
            iso_8859-7:1987 sun_eu_greek
            """
        ),
        (
            "ISO-8859-8", .singleByte,
            """
            csiso88598e csisolatinhebrew hebrew iso-8859-8-e iso-ir-138 iso8859-8 iso88598 iso_8859-8 \
            iso_8859-8:1988 visual
            """
        ),
        ("ISO-8859-8-I", .singleByte, "csiso88598i logical"),
        ("ISO-8859-10", .singleByte, "csisolatin6 iso-ir-157 iso8859-10 iso885910 l6 latin6"),
        ("ISO-8859-13", .singleByte, "iso8859-13 iso885913"),
        ("ISO-8859-14", .singleByte, "iso8859-14 iso885914"),
        ("ISO-8859-15", .singleByte, "csisolatin9 iso8859-15 iso885915 iso_8859-15 l9"),
        ("ISO-8859-16", .singleByte, ""),
        ("KOI8-R", .singleByte, "cskoi8r koi koi8 koi8_r"),
        ("KOI8-U", .singleByte, "koi8-ru"),
        ("macintosh", .singleByte, "csmacintosh mac x-mac-roman"),
        ("windows-874", .singleByte, "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620"),
        ("windows-1250", .singleByte, "cp1250 x-cp1250"),
        ("windows-1251", .singleByte, "cp1251 x-cp1251"),
        ("windows-1253", .singleByte, "cp1253 x-cp1253"),
        (
            "windows-1254", .singleByte,
            """
            cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 \
            latin5 x-cp1254
            """
        ),
        ("windows-1255", .singleByte, "cp1255 x-cp1255"),
        ("windows-1256", .singleByte, "cp1256 x-cp1256"),
        ("windows-1257", .singleByte, "cp1257 x-cp1257"),
        ("windows-1258", .singleByte, "cp1258 x-cp1258"),
        ("x-mac-cyrillic", .singleByte, "x-mac-ukrainian"),
        // GBK is read as what contains it (section 10.1.1).
        ("GBK", .gb18030, "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 iso-ir-58 x-gbk"),
        ("gb18030", .gb18030, ""),
        ("Big5", .big5, "big5-hkscs cn-big5 csbig5 x-x-big5"),
        ("EUC-JP", .eucJP, "cseucpkdfmtjapanese x-euc-jp"),
        ("ISO-2022-JP", .iso2022JP, "csiso2022jp"),
        ("Shift_JIS", .shiftJIS, "csshiftjis ms932 ms_kanji shift-jis sjis windows-31j x-sjis"),
        (
            "EUC-KR", .eucKR,
            """
            cseuckr csksc56011987 iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 \
            windows-949
            """
        ),
        ("replacement", .replacement, "csiso2022kr hz-gb-2312 iso-2022-cn iso-2022-cn-ext iso-2022-kr"),
        ("x-user-defined", .userDefined, ""),
    ]
}
