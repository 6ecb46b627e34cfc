import Foundation
import Glibc

/// A real nginx of one test: loopback, a free port, everything it writes in a temporary directory of its own.
///
/// One process, with the echo module. The texts of `server` and `http` may name `{port}`, `{tlsPort}`,
/// `{root}` (the document root) and `{directory}`. Use ``withNginx(server:http:tls:_:)``, which stops it
/// whatever happens.
final class TestNginx: Sendable {
    let port: UInt16
    /// Zero without `tls`.
    let tlsPort: UInt16
    /// Holds the configuration, the logs and the certificate.
    let directory: String
    private let watcher: Watcher

    /// A shell that runs nginx and ends it as soon as `lifeline` closes: also when the tests crash.
    private struct Watcher {
        let processID: Int32
        let lifeline: Int32

        func stop() {
            close(lifeline)
            var status: Int32 = 0
            while waitpid(processID, &status, 0) == -1 && errno == EINTR {}
        }
    }

    struct DidNotStart: Error { var log: String }

    /// Time until nginx must accept connections. 10 s: a busy machine, many tests at once.
    private static let maxStartAttempts = 1000
    private static let startPause: useconds_t = 10_000

    var base: String { "http://127.0.0.1:\(port)" }
    var tlsBase: String { "https://localhost:\(tlsPort)" }
    var documentRoot: String { directory + "/root" }
    /// The self-signed certificate of `tlsBase`, for a client that is to trust it.
    var caFile: String { directory + "/certificate.pem" }

    init(server: String = "", http: String = "", tls: Bool = false) throws {
        var template = Array((FileManager.default.temporaryDirectory.path + "/nginx-test.XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw POSIXError(.EIO) }
        directory = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        try FileManager.default.createDirectory(
            atPath: directory + "/root", withIntermediateDirectories: true)
        if tls { try Self.makeCertificate(in: directory) }
        for _ in 0..<5 {
            let ports = try Self.freePorts(2)
            let configuration = Self.configuration(
                server: server, http: http, tls: tls, directory: directory, ports: ports)
            try configuration.write(toFile: directory + "/nginx.conf", atomically: true, encoding: .utf8)
            if let watcher = try Self.launch(directory: directory, port: ports[0]) {
                self.watcher = watcher
                port = ports[0]
                tlsPort = tls ? ports[1] : 0
                return
            }
        }
        throw DidNotStart(log: (try? String(contentsOfFile: directory + "/error.log", encoding: .utf8)) ?? "")
    }

    /// Ends the process and removes its directory.
    func stop() {
        watcher.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Writes a file of the document root, directories included.
    func write(_ path: String, _ content: some DataProtocol) throws {
        let file = documentRoot + "/" + path
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(content).write(to: URL(fileURLWithPath: file))
    }

    /// What was asked so far, a line each: connection number, method, URI, status, protocol, body bytes sent.
    /// nginx writes a line once the client has its answer: the last ones get a moment.
    func accessLog() throws -> [AccessLine] {
        Thread.sleep(forTimeInterval: 0.2)
        return try String(contentsOfFile: directory + "/access.log", encoding: .utf8)
            .split(separator: "\n").compactMap(AccessLine.init)
    }

    struct AccessLine {
        let connection: Int
        let method: String
        let uri: String
        let status: Int
        let version: String

        init?(_ line: Substring) {
            let words = line.split(separator: " ")
            guard words.count == 5, let connection = Int(words[0]), let status = Int(words[3]) else {
                return nil
            }
            (self.connection, self.status) = (connection, status)
            (method, uri, version) = (String(words[1]), String(words[2]), String(words[4]))
        }
    }

    // MARK: Setting up

    private static func configuration(
        server: String, http: String, tls: Bool, directory: String, ports: [UInt16]
    ) -> String {
        let tlsLines = """
            listen 127.0.0.1:{tlsPort} ssl http2 backlog=4096;
            ssl_certificate {directory}/certificate.pem;
            ssl_certificate_key {directory}/key.pem;
            """
        return """
            load_module /usr/lib/nginx/modules/ngx_http_echo_module.so;
            daemon off;
            master_process off;
            pid {directory}/nginx.pid;
            error_log {directory}/error.log;
            events { worker_connections 8192; }
            http {
                log_format test '$connection $request_method $request_uri $status $server_protocol';
                access_log {directory}/access.log test;
                client_body_temp_path {directory}/body;
                proxy_temp_path {directory}/proxy;
                fastcgi_temp_path {directory}/fastcgi;
                uwsgi_temp_path {directory}/uwsgi;
                scgi_temp_path {directory}/scgi;
                types { text/html html; image/gif gif; application/json json; }
                default_type text/plain;
                keepalive_requests 1000000;
                \(http)
                server {
                    listen 127.0.0.1:{port} backlog=4096;
                    \(tls ? tlsLines : "")
                    root {root};
                    \(server)
                }
            }
            """
            .replacingOccurrences(of: "{root}", with: directory + "/root")
            .replacingOccurrences(of: "{directory}", with: directory)
            .replacingOccurrences(of: "{port}", with: "\(ports[0])")
            .replacingOccurrences(of: "{tlsPort}", with: "\(ports[1])")
    }

    /// A running nginx, once it accepts connections; nil where it ended first (another took its port).
    private static func launch(directory: String, port: UInt16) throws -> Watcher? {
        var ends: [Int32] = [0, 0]
        // Not a pipe: its ends cannot be closed on exec from the start, and another test would inherit them.
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw POSIXError(.EMFILE) }
        defer { close(ends[0]) }
        let script = """
            nginx="/usr/sbin/nginx -p $0 -c $0/nginx.conf -e $0/error.log"
            exec 3<&0; $nginx </dev/null 3<&- & child=$!
            (read line <&3; kill $child) & wait $child
            """
        let processID = try spawn(["/bin/sh", "-c", script, directory], input: ends[0])
        let watcher = Watcher(processID: processID, lifeline: ends[1])
        for _ in 0..<maxStartAttempts {
            var status: Int32 = 0
            if waitpid(processID, &status, WNOHANG) == processID {
                close(ends[1])
                return nil
            }
            if accepts(port) { return watcher }
            usleep(startPause)
        }
        watcher.stop()
        return nil
    }

    private static func makeCertificate(in directory: String) throws {
        let processID = try spawn([
            "/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout", "\(directory)/key.pem", "-out", "\(directory)/certificate.pem", "-days", "2", "-subj",
            "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
        ])
        var status: Int32 = 0
        waitpid(processID, &status, 0)
        if status != 0 { throw DidNotStart(log: "openssl made no certificate") }
    }

    /// Starts a program whose standard input is `input` and whose output goes nowhere.
    private static func spawn(_ arguments: [String], input: Int32? = nil) throws -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input { posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO) }
        for descriptor in [STDOUT_FILENO, STDERR_FILENO] {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
        }
        // The threads of the Swift runtime block signals, and a child inherits that: it would never see
        // SIGTERM.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var processID: pid_t = 0
        let code = posix_spawn(&processID, arguments[0], &actions, &attributes, &pointers, environ)
        guard code == 0 else { throw DidNotStart(log: "\(arguments[0]): \(String(cString: strerror(code)))") }
        return processID
    }

    // MARK: Ports

    /// Ports nobody listened on a moment ago.
    static func freePorts(_ count: Int) throws -> [UInt16] {
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        return try (0..<count).map { _ in
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            sockets.append(descriptor)
            return try bindToLoopback(descriptor)
        }
    }

    /// The port the system chose.
    static func bindToLoopback(_ descriptor: Int32) throws -> UInt16 {
        var address = loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
            }
        }
        guard code == 0 else { throw POSIXError(.EADDRINUSE) }
        return UInt16(bigEndian: address.sin_port)
    }

    private static func accepts(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = loopback(port)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }
}

/// Runs `body` with an nginx of its own and stops it afterwards.
func withNginx<Value>(
    server: String = "", http: String = "", tls: Bool = false, _ body: (TestNginx) async throws -> Value
) async throws -> Value {
    let nginx = try TestNginx(server: server, http: http, tls: tls)
    defer { nginx.stop() }
    return try await body(nginx)
}
