internal import CLibXML

/// What libxml2 needs once a process and once a thread.
enum LibXMLSetup {
    /// Elements inside one another; deeper markup ends the page there. Browsers stop at 512, libxml2 itself
    /// at 256 (which pages full of unclosed inline elements do reach); the matcher and end tags cost a step a
    /// level.
    static let maxDepth: UInt32 = 2048

    private static let initialised: Void = {
        xmlInitParser()
        clibxml_set_max_depth(maxDepth)
    }()

    /// Call before every use on any thread: the handler is libxml2's per thread, and its default writes to
    /// stderr.
    static func prepareThread() {
        _ = initialised
        xmlSetStructuredErrorFunc(nil) { _, _ in }
    }
}
