#include "http.hpp"

#include <algorithm>
#include <array>
#include <mutex>

#include <curl/curl.h>

namespace crossdock::tryton {

namespace {

struct received {
  std::string body;
  std::size_t max = 0;
  bool too_large = false;
};

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* into) {
  auto& r = *static_cast<received*>(into);
  if (r.body.size() + size * count > r.max) {
    r.too_large = true;
    return 0;
  }
  r.body.append(data, size * count);
  return size * count;
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* into) {
  const std::string_view line{data, size * count};
  constexpr std::string_view name = "date:";
  if (line.size() > name.size() &&
      curl_strnequal(line.data(), name.data(), name.size())) {
    const auto at = curl_getdate(std::string{line.substr(name.size())}.c_str(), nullptr);
    if (at > 0)
      *static_cast<std::int64_t*>(into) = at;
  }
  return size * count;
}

class curl_transport : public transport {
public:
  explicit curl_transport(const http_limits& limits) : limits_{limits}, handle_{open()} {}

  http_reply post(const std::string& url, const std::string& authorization,
                  const std::string& body, std::chrono::milliseconds timeout) override {
    auto* c = handle_.get();
    curl_easy_reset(c);
    using list = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;
    curl_slist* raw = curl_slist_append(nullptr, "Content-Type: application/json");
    raw = curl_slist_append(raw, "Expect:");
    if (!authorization.empty())
      raw = curl_slist_append(raw, ("Authorization: " + authorization).c_str());
    const list headers{raw, &curl_slist_free_all};

    received in;
    in.max = limits_.response_bytes_max;
    http_reply reply;
    std::array<char, CURL_ERROR_SIZE> why{};
    const auto connect = std::min(limits_.connect_timeout, timeout);
    curl_easy_setopt(c, CURLOPT_URL, url.c_str());
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, &take_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &in);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, &take_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, &reply.date);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(connect.count()));
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why.data());
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);

    const auto code = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &reply.status);
    reply.body = std::move(in.body);
    if (code == CURLE_OK) {
      reply.what = http_reply::fate::answered;
      return reply;
    }
    reply.error = why[0] != '\0' ? why.data() : curl_easy_strerror(code);
    if (in.too_large) {
      reply.what = http_reply::fate::too_large;
      reply.error = "the answer is larger than " + std::to_string(in.max) + " bytes";
    } else {
      reply.what = sent(c) ? http_reply::fate::lost : http_reply::fate::not_sent;
    }
    return reply;
  }

private:
  using handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;

  static handle open() {
    static std::once_flag once; // curl_global_init is not thread-safe by itself
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    handle h{curl_easy_init(), &curl_easy_cleanup};
    if (!h)
      throw std::bad_alloc{};
    return h;
  }

  /// Whether a byte of the request may have reached the server.
  static bool sent(CURL* c) {
    curl_off_t ready_us = 0;
    curl_easy_getinfo(c, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
    return ready_us > 0;
  }

  http_limits limits_;
  handle handle_;
};

} // namespace

std::unique_ptr<transport> make_http_transport(const http_limits& limits) {
  return std::make_unique<curl_transport>(limits);
}

} // namespace crossdock::tryton
