/// The stop words shipped with the service: Snowball's lists as PostgreSQL 15 has them (StopWords/README.md).
package enum StopWords {
    /// A language without a list.
    package struct UnknownLanguage: Error, Hashable, Sendable, CustomStringConvertible {
        package let code: String

        package var description: String {
            "no stop words for language \"\(code)\"; there are \(languages.joined(separator: ", "))"
        }
    }

    /// ISO 639-1 codes that have a list, in alphabetical order.
    package static let languages: [String] = lists.keys.sorted()

    /// The lower-case words of one language, by its ISO 639-1 code in any case.
    package static func words(for language: String) throws(UnknownLanguage) -> Set<String> {
        guard let list = lists[language.lowercased()] else { throw UnknownLanguage(code: language) }
        return list.words
    }

    /// The words of several languages together; the first unknown code is thrown.
    package static func words(for languages: [String]) throws(UnknownLanguage) -> Set<String> {
        var all: Set<String> = []
        for language in languages { all.formUnion(try words(for: language)) }
        return all
    }

    /// A file of the StopWords folder: one word a line, `#` starts a comment.
    private struct List: Sendable {
        let bytes: [UInt8]

        var words: Set<String> {
            let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
            return Set(lines.filter { !$0.hasPrefix("#") }.map(String.init))
        }
    }

    /// Bokmål (`nb`) has the Norwegian list, which covers both written forms.
    private static let lists: [String: List] = [
        "da": List(bytes: PackageResources.da_txt), "de": List(bytes: PackageResources.de_txt),
        "en": List(bytes: PackageResources.en_txt), "es": List(bytes: PackageResources.es_txt),
        "fi": List(bytes: PackageResources.fi_txt), "fr": List(bytes: PackageResources.fr_txt),
        "hu": List(bytes: PackageResources.hu_txt), "it": List(bytes: PackageResources.it_txt),
        "nb": List(bytes: PackageResources.no_txt), "ne": List(bytes: PackageResources.ne_txt),
        "nl": List(bytes: PackageResources.nl_txt), "no": List(bytes: PackageResources.no_txt),
        "pt": List(bytes: PackageResources.pt_txt), "ru": List(bytes: PackageResources.ru_txt),
        "sv": List(bytes: PackageResources.sv_txt), "tr": List(bytes: PackageResources.tr_txt),
    ]
}
