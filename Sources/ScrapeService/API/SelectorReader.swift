/// Reads selectors, alone or with the options of a field.
struct SelectorReader {
    let compiler: any PageCompiler
    let findings: Findings

    /// A field by its name and what was written for it; nil, and findings, where it will not do.
    func readField(_ name: String, _ value: JSONValue, at pointer: String) -> Field? {
        if case .string = value {
            guard let selector = readSelector(value, at: pointer) else { return nil }
            return Field(name: name, selector: selector, type: Self.type(of: selector, match: nil))
        }
        guard var object = object(value, at: pointer) else { return nil }
        let selector = readLanguage(&object)
        let match = readPattern("match", &object)
        let type = object.choice("type", FieldType.allCases.map(\.rawValue)).flatMap(FieldType.init)
        let required = object.bool("required") ?? false
        let all = object.bool("all") ?? false
        let keepWhitespace = object.bool("keep_whitespace") ?? false
        object.finish()
        guard let selector else { return nil }
        return Field(
            name: name, selector: selector, all: all, keepWhitespace: keepWhitespace, match: match,
            type: type ?? Self.type(of: selector, match: match), required: required)
    }

    /// What chooses items or links: it takes none of the options.
    func readSelector(_ value: JSONValue, at pointer: String) -> Selector? {
        if case .string(let source) = value {
            let selector = Selector(language: Self.language(of: source), source: source)
            return check(selector, at: pointer) ? selector : nil
        }
        guard var object = object(value, at: pointer) else { return nil }
        let selector = readLanguage(&object)
        let options = ["match", "type", "required", "all", "keep_whitespace"].filter {
            object.value($0) != nil
        }
        if !options.isEmpty {
            findings.add(pointer, "takes no \(options.joined(separator: ", ")): only fields do")
        }
        object.finish()
        return selector
    }

    /// A regular expression; nil where there is none, or, with a finding, where it does not parse.
    func readPattern(_ name: String, _ object: inout ObjectReader) -> String? {
        guard let value = object.value(name) else { return nil }
        guard let source = value.string else {
            findings.add(object.place(name), "must be a string, not \(value.kind)")
            return nil
        }
        guard !source.isEmpty, !source.utf8.contains(0) else {
            findings.add(object.place(name), "must not be empty, nor contain U+0000")
            return nil
        }
        do throws(PatternError) {
            _ = try Pattern(source)
            return source
        } catch {
            let place =
                "does not parse as a regular expression: \(error.message), at character \(error.offset + 1)"
            findings.add(object.place(name), place)
            return nil
        }
    }

    private func object(_ value: JSONValue, at pointer: String) -> ObjectReader? {
        guard case .object = value else {
            findings.add(pointer, "must be a selector: a string or an object, not \(value.kind)")
            return nil
        }
        return ObjectReader(value, at: pointer, findings)
    }

    private func readLanguage(_ object: inout ObjectReader) -> Selector? {
        let given = Selector.Language.allCases.filter { object.value($0.rawValue) != nil }
        guard given.count == 1, let language = given.first else {
            findings.add(object.pointer, "must have exactly one of css, xpath and json")
            return nil
        }
        let place = object.place(language.rawValue)
        guard let source = object.value(language.rawValue)?.string else {
            findings.add(place, "must be a string")
            return nil
        }
        let selector = Selector(language: language, source: source)
        return check(selector, at: place) ? selector : nil
    }

    /// Contract: "A selector is a string".
    private static func language(of source: String) -> Selector.Language {
        if source.hasPrefix("$") { return .json }
        return source == "." || ["/", "./", "("].contains { source.hasPrefix($0) } ? .xpath : .css
    }

    /// What a JSON body holds stays what it is; what `match` takes out of it is text.
    private static func type(of selector: Selector, match: String?) -> FieldType {
        selector.language == .json && match == nil ? .json : .text
    }

    private func check(_ selector: Selector, at pointer: String) -> Bool {
        if selector.source.utf8.count > JobReader.maxSelectorLength {
            findings.add(pointer, "must have at most \(JobReader.maxSelectorLength) bytes")
            return false
        }
        do {
            try compiler.check(selector)
            return true
        } catch {
            let error = error as? SelectorError
            let place = error?.offset.map { ", at character \($0 + 1)" } ?? ""
            let name =
                switch selector.language {
                case .css: "CSS"
                case .xpath: "XPath"
                case .json: "JSONPath"
                }
            findings.add(pointer, "does not parse as \(name): \(error?.message ?? "\(error!)")\(place)")
            return false
        }
    }
}
