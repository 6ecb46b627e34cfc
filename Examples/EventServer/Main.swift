import HTTPCore
import HTTPTypes
import Logging

/// `swift run EventServer [PORT]`: Server-Sent Events to watch with `curl -N http://127.0.0.1:8080/events`, or with a
/// browser at `/`. Each stream ends after five events; the browser comes back and goes on with the sixth.
@main
struct EventServer {
    private static let eventsPerStream = 5

    static func main() async throws {
        let loop = try EventLoop(name: "events")
        var router = Router()
        router.on(.get, "/events") { request in
            let first = (request.lastEventID.flatMap { Int($0) } ?? 0) &+ 1
            return Response.events(on: loop, keepAlive: .milliseconds(250)) { stream in
                try await stream.send(ServerSentEvent(retry: .milliseconds(200)))
                for offset in 0..<eventsPerStream {
                    try await loop.sleep(for: .milliseconds(400))
                    let number = first &+ offset
                    let event = ServerSentEvent(id: "\(number)", event: "tick", data: "tick\n\(number)")
                    try await stream.send(event)
                }
                try await stream.send(ServerSentEvent(data: "The stream ends: come again."))
            }
        }
        router.on(.get, "/") { _ in
            Response(
                status: .ok, headers: [.contentType: "text/html; charset=utf-8"],
                body: .bytes(Array(page.utf8)))
        }
        let server = Server(loop: loop, logger: Logger(label: "events"), responder: router)
        let wanted = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 8080
        let port = try await server.start(host: "127.0.0.1", port: wanted)
        print("http://127.0.0.1:\(port)/")
        while true { try await loop.sleep(for: .seconds(3600)) }
    }

    private static let page = """
        <!DOCTYPE html><title>Events</title><pre id=log></pre><script>
        const log = (name, event) => document.getElementById("log").append(
          `${name} ${JSON.stringify(event.data)} last id ${event.lastEventId}\\n`)
        const source = new EventSource("/events")
        source.addEventListener("tick", event => log("tick", event))
        source.addEventListener("message", event => log("message", event))
        source.addEventListener("open", event => log("open", event))
        source.addEventListener("error", event => log("error", event))
        </script>
        """
}
