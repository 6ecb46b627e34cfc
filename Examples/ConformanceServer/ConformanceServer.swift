import ArgumentParser
import Glibc
import HTTPCore
import Logging
import UnixSignals

/// `swift run -c release ConformanceServer --port 8080`: what conformance suites score. Ends with exit code 0 on SIGTERM
/// or SIGINT, once what is in flight is answered.
@main
struct ConformanceServer: AsyncParsableCommand {
    @Option(help: "Port on 127.0.0.1; 0 lets the system choose.")
    var port = 8080
    /// More than any suite announces without sending it: those expect that the server waits.
    @Option(help: "Longest request body, bytes.")
    var maxBody = 1 << 30
    @Flag(help: "Answer every path and method with the request's body: for suites that choose their own.")
    var echoAll = false
    @Option(help: "Directory whose files are served below /files/.")
    var files: String?
    @Option(help: "From a request's first byte to the end of its head, seconds.")
    var headerTimeout = 10.0
    @Option(help: "In which a request body must make progress, seconds.")
    var bodyTimeout = 20.0
    @Option(help: "Between two requests of a connection, seconds.")
    var idleTimeout = 75.0
    @Option(help: "In which a client must take some of its answer, seconds.")
    var writeTimeout = 30.0
    @Option(help: "For requests in flight after SIGTERM, seconds.")
    var drainTimeout = 25.0
    @Option(help: "Open connections.")
    var maxConnections = ServerLimits().maxConnections
    @Option(help: "Open connections of one address; 0 is no limit.")
    var maxConnectionsPerAddress = ServerLimits().maxConnectionsPerAddress ?? 0

    func validate() throws {
        guard maxConnections > 0, maxConnectionsPerAddress >= 0 else {
            throw ValidationError("A limit of connections is too low.")
        }
        guard maxBody >= 0 else { throw ValidationError("--max-body is less than 0.") }
        let timeouts = [headerTimeout, bodyTimeout, idleTimeout, writeTimeout, drainTimeout]
        guard timeouts.allSatisfy({ $0 > 0 && $0 < 1e9 }) else {
            throw ValidationError("A time-out is more than 0 and less than a billion seconds.")
        }
    }

    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let loop = try EventLoop(name: "http")
        var router = Routes.make(maxBodyBytes: maxBody)
        let faults = FaultRoutes(loop: loop)
        faults.add(to: &router)
        let fileLoop = try EventLoop(name: "files")
        if let files {
            try Routes.addFiles(
                of: FileDirectory(path: files, blockingLoop: fileLoop), to: &router)
        }
        let server = Server(
            loop: loop, limits: limits, logger: Logger(label: "conformance"),
            responder: echoAll ? Routes.Echo(maxBodyBytes: maxBody) : router)
        faults.server.value = server
        let port = try await server.start(host: "127.0.0.1", port: port)
        print("http://127.0.0.1:\(port)/")
        // Whoever waits for this line may read it through a pipe.
        fflush(nil)
        for await _ in signals { break }
        await server.shutdown()
        loop.stop()
        fileLoop.stop()
    }

    private var limits: ServerLimits {
        var limits = ServerLimits()
        limits.maxBodyBytes = maxBody
        limits.headerTimeout = .seconds(headerTimeout)
        limits.bodyTimeout = .seconds(bodyTimeout)
        limits.idleTimeout = .seconds(idleTimeout)
        limits.writeTimeout = .seconds(writeTimeout)
        limits.drainTimeout = .seconds(drainTimeout)
        limits.maxConnections = maxConnections
        limits.maxConnectionsPerAddress = maxConnectionsPerAddress == 0 ? nil : maxConnectionsPerAddress
        return limits
    }
}
