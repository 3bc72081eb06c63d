// SPDX-License-Identifier: MIT
#include "hello.hpp"

#include "lines.hpp"
#include "messages.hpp"
#include "variables.hpp"

#include <cstring>

#include <link.h>
#include <unistd.h>

namespace spawntpl::warm {

namespace {

using detail::WarmHello;
using detail::WarmNews;

char message[detail::warm_max_hello];

/// Names of one kind, in as many messages as they need.
class News {
public:
    explicit News(WarmNews news) {
        WarmHello hello{detail::warm_magic, detail::warm_version, news, getpid()};
        std::memcpy(message, &hello, sizeof(hello));
    }

    News(const News&) = delete;

    ~News() { send_some(); }

    void add(const char* name) {
        std::size_t size = std::strlen(name) + 1;
        // There is no file and no variable with such a name.
        if (size > sizeof(message) - sizeof(WarmHello))
            return;
        if (size > sizeof(message) - size_)
            send_some();
        std::memcpy(message + size_, name, size);
        size_ += size;
    }

private:
    void send_some() {
        if (size_ > sizeof(WarmHello))
            detail::send_warm_message(detail::warm_socket, std::as_bytes(std::span(message, size_)),
                                      {});
        size_ = sizeof(WarmHello);
    }

    std::size_t size_ = sizeof(WarmHello);
};

/// The program itself has no name, and what the kernel provides has no directory.
bool is_file(const dl_phdr_info& object) {
    return std::strchr(object.dlpi_name, '/') != nullptr;
}

void add_objects(News& news) {
    dl_iterate_phdr(
        [](dl_phdr_info* object, std::size_t, void* news) {
            if (is_file(*object))
                static_cast<News*>(news)->add(object->dlpi_name);
            return 0;
        },
        &news);
}

bool is_object(const char* path) {
    return dl_iterate_phdr(
               [](dl_phdr_info* object, std::size_t, void* path) {
                   return std::strcmp(object->dlpi_name, static_cast<const char*>(path)) == 0 ? 1
                                                                                              : 0;
               },
               const_cast<char*>(path)) != 0;
}

void add_mapped_files(News& news) {
    // Most files have several mappings, one after the other.
    static char last[Lines::max_length + 1];
    Lines maps("/proc/self/maps");
    while (const char* line = maps.is_open() ? maps.next() : nullptr) {
        const char* path = std::strchr(line, '/');
        if (!path || std::strstr(path, " (deleted)") || std::strcmp(path, last) == 0)
            continue;
        std::strcpy(last, path);
        if (!is_object(path))
            news.add(path);
    }
}

}  // namespace

void send_hello(const char* why_not, const char* const* files) {
    {
        News news(WarmNews::files);
        add_objects(news);
        add_mapped_files(news);
        for (; files && *files; ++files)
            news.add(*files);
    }
    {
        News news(WarmNews::variables);
        for (const char* name = variables.first(); name; name = variables.after(name))
            news.add(name);
        if (!variables.are_all())
            news.add("");
    }
    News(WarmNews::arrival).add(why_not ? why_not : "");
}

}  // namespace spawntpl::warm
