import HTTPCore
import HTTPTypes
import Testing

@Suite struct ServerSentEventTests {
    @Test(arguments: [
        (ServerSentEvent(data: "x"), "data: x\n\n"),
        (ServerSentEvent(id: "7", event: "progress", data: "{}"), "event: progress\nid: 7\ndata: {}\n\n"),
        (ServerSentEvent(data: ""), "data: \n\n"),
        (ServerSentEvent(data: " lead"), "data:  lead\n\n"),
        (ServerSentEvent(data: "a\nb"), "data: a\ndata: b\n\n"),
        (ServerSentEvent(data: "a\r\nb\rc\n"), "data: a\ndata: b\ndata: c\ndata: \n\n"),
        (ServerSentEvent(data: "\r\r\n\n"), "data: \ndata: \ndata: \ndata: \n\n"),
        (ServerSentEvent(data: "a\u{2028}é\u{0}"), "data: a\u{2028}é\u{0}\n\n"),
        (
            ServerSentEvent(data: "x\n\nid: 9\nevent: forged"),
            "data: x\ndata: \ndata: id: 9\ndata: event: forged\n\n"
        ),
        (ServerSentEvent(id: "", event: ""), "event: \nid: \n\n"),
        (ServerSentEvent(retry: .milliseconds(1500)), "retry: 1500\n\n"),
        (ServerSentEvent(retry: .seconds(-1)), "retry: 0\n\n"),
        (ServerSentEvent(comment: "a\nid: 1"), ": a\n: id: 1\n\n"),
        (ServerSentEvent(), "\n"),
    ])
    func anEventIsEncodedAsAClientReadsIt(_ event: ServerSentEvent, _ expected: String) throws {
        #expect(String(decoding: try event.encoded(), as: UTF8.self) == expected)
    }

    @Test(arguments: ["\n", "\r", "\r\n", "\u{0}", "7\ndata: forged", "7\u{0}"])
    func anIDOrANameThatEndsItsLineIsRefused(_ text: String) {
        #expect(throws: ServerSentEventError.malformedID) {
            try ServerSentEvent(id: text, data: "x").encoded()
        }
        #expect(throws: ServerSentEventError.malformedName) {
            try ServerSentEvent(event: text, data: "x").encoded()
        }
    }

    @Test func theLastEventIDIsReadFromItsField() throws {
        let name = try #require(HTTPField.Name("last-event-id"))
        #expect(Request(method: .get, path: "/", headers: [name: "7"]).lastEventID == "7")
        #expect(Request(method: .get, path: "/").lastEventID == nil)
    }
}
