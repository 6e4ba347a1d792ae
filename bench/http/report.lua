-- What wrk has seen, as one line of JSON at the end.
done = function(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local line = '{"requests": %d, "seconds": %.6f, "failed": %d, "p50_us": %d, "p99_us": %d}\n'
  io.write(line:format(summary.requests, summary.duration / 1e6, failed,
    latency:percentile(50), latency:percentile(99)))
end
