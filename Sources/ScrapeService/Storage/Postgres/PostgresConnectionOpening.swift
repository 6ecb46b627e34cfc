import Foundation
import HTTPCore
import Logging

/// From a connection string to a session that is set up.
extension PostgresConnection {
    /// Connects and sets the session up. Throws `connectFailed`, also for a server that takes longer than the
    /// time-out.
    func open() async throws(PostgresError) {
        guard case .new = phase else { throw PostgresError(.misuse, "opened twice") }
        var string = try ConnectionString(parsing: configuration.connectionString)
        string.setDefault("fallback_application_name", configuration.applicationName)
        string.setDefault("client_encoding", "UTF8")
        // A peer that vanished without a FIN: noticed within about 10 s, sending or idle.
        string.setDefault("tcp_user_timeout", "10000")
        string.setDefault("keepalives_idle", "10")
        string.setDefault("keepalives_interval", "3")
        string.setDefault("keepalives_count", "3")
        let prepared = string
        _ = try await operation(timeout: configuration.connectTimeout) { resolve(prepared) }
        // A pooler's session is another one in the next transaction: nothing is set in it.
        if configuration.isTransactionPooled { return }
        do {
            _ = try await exchange(timeout: configuration.connectTimeout) { [sessionSettings] handle in
                handle.send(Self.setForSession, sessionSettings)
            }
        } catch {
            end(PostgresError(.connectFailed, error.message))
            throw PostgresError(.connectFailed, sqlState: error.sqlState, error.message)
        }
    }

    private func resolve(_ string: ConnectionString) {
        guard string.needsResolution else { return start(.success(string)) }
        // getaddrinfo has no time-out and no cancellation: the thread is left behind when the deadline
        // passes.
        Thread.detachNewThread { [loop] in
            let resolved = Result { () throws(PostgresError) in try string.resolved() }
            loop.execute { [weak self] in self?.assumeIsolated { $0.start(resolved) } }
        }
    }

    private func start(_ string: Result<ConnectionString, PostgresError>) {
        guard case .connecting = phase else { return }
        do throws(PostgresError) {
            candidates = try string.get().candidates
        } catch { return end(error) }
        tryNextHost(after: PostgresError(.connectFailed, "no host to connect to"))
    }

    // MARK: Host by host

    /// libpq walks a list of hosts by itself, but a host that does not answer at all would hold it until the
    /// kernel gives up, minutes later (its `connect_timeout` is for blocking connects, documentation 34.1): so
    /// each host is tried alone, for an equal share of the time left.
    private func tryNextHost(after failure: PostgresError) {
        dropHost()
        guard case .connecting(let operation) = phase else { return }
        guard !candidates.isEmpty else { return end(failure) }
        let share = (operation.deadline - .now) / candidates.count
        let candidate = candidates.removeFirst()
        if !candidates.isEmpty {
            let silence = PostgresError(.connectFailed, "no answer within \(share)")
            hostTimer = loop.schedule(after: share) { [weak self] in
                self?.assumeIsolated { $0.tryNextHost(after: silence) }
            }
        }
        do throws(PostgresError) {
            handle = try PostgresHandle(options: candidate.options, logger: logger)
        } catch { return tryNextHost(after: error) }
        // Documentation 34.1: behave as if the first poll had asked for writing.
        watch([.writable], renew: true)
    }

    func continueConnecting() {
        guard let handle else { return }
        // libpq may close its socket and open another under the same number, which silently leaves epoll:
        // leave it before every poll, enter it anew after.
        registration?.cancel()
        registration = nil
        switch handle.pollConnect() {
        case .reading: watch([.readable], renew: true)
        case .writing: watch([.writable], renew: true)
        case .connected:
            hostTimer?.cancel()
            hostTimer = nil
            watch([.readable], renew: true)
            complete(.success(PostgresResult()))
        case .failed(let message): tryNextHost(after: PostgresError(.connectFailed, message))
        }
    }

    /// Lets the present host go, and with it everything that libpq has of it.
    func dropHost() {
        hostTimer?.cancel()
        hostTimer = nil
        registration?.cancel()
        registration = nil
        handle?.finish()
        handle = nil
    }

    // MARK: Settings

    static let setForSession = "select set_config(n, v, false) from unnest($1, $2) as s(n, v)"
    static let setLocally = "select set_config(n, v, true) from unnest($1, $2) as s(n, v)"

    /// Names and values, as the two statements above take them.
    var sessionSettings: PostgresArguments {
        let settings = configuration.sessionSettings(serverVersion: handle?.serverVersion ?? 0)
        return [.texts(settings.map(\.name)), .texts(settings.map(\.value))]
    }

    /// One exchange: a transaction whose settings end with it.
    var pooledBegin: String {
        let settings = configuration.sessionSettings(serverVersion: handle?.serverVersion ?? 0)
        return "begin; " + settings.map { "set local \($0.name) = '\($0.value)'" }.joined(separator: "; ")
    }
}

extension PostgresConfiguration {
    /// What every session, or every transaction behind a pooler, is set to. Names and values are the service's
    /// own: none holds a quote.
    func sessionSettings(serverVersion: Int32) -> [(name: String, value: String)] {
        var settings = [
            ("statement_timeout", milliseconds(statementTimeout)),
            ("idle_in_transaction_session_timeout", milliseconds(idleInTransactionTimeout)),
            // A commit that was answered survives a power cut.
            ("synchronous_commit", "on"),
            // Compiling costs more than any statement here takes.
            ("jit", "off"),
            // A plan made while a table was small must not outlive its growth.
            ("plan_cache_mode", "force_custom_plan"),
            ("timezone", "UTC"),
            ("default_transaction_isolation", "read committed"),
        ]
        settings += self.settings.map { ($0.key, $0.value) }
        if serverVersion >= 140_000 {
            // A statement whose client is gone does not run to its end.
            settings.append(("client_connection_check_interval", "1000"))
        }
        return settings
    }

    private func milliseconds(_ duration: Duration) -> String {
        String(Int(duration / .milliseconds(1)))
    }
}
