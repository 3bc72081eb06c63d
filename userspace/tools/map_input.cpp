// SPDX-License-Identifier: MIT
#include "map_input.hpp"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include <unistd.h>

namespace spawntpl::tools {

namespace {

class Combinations : public MapInput {
public:
    explicit Combinations(std::vector<std::vector<std::string>> lists)
        : lists_(std::move(lists)), at_(lists_.size()) {
        at_end_ = std::ranges::any_of(lists_, [](const auto& list) { return list.empty(); });
    }

    std::size_t sources() const override { return lists_.size(); }

    std::optional<std::vector<std::string>> next() override {
        if (at_end_)
            return std::nullopt;
        std::vector<std::string> args;
        for (std::size_t i = 0; i < lists_.size(); ++i)
            args.push_back(lists_[i][at_[i]]);
        advance();
        return args;
    }

    bool at_end() const override { return at_end_; }

    std::optional<std::uint64_t> total() const override {
        std::uint64_t product = 1;
        for (const auto& list : lists_)
            if (__builtin_mul_overflow(product, list.size(), &product))
                return std::nullopt;
        return product;
    }

private:
    void advance() {
        for (std::size_t i = lists_.size(); i-- > 0;) {
            if (++at_[i] < lists_[i].size())
                return;
            at_[i] = 0;
        }
        at_end_ = true;
    }

    std::vector<std::vector<std::string>> lists_;
    std::vector<std::size_t> at_;
    bool at_end_;
};

class Lines : public MapInput {
public:
    Lines(Fd file, char separator) : file_(std::move(file)), separator_(separator) {}

    std::size_t sources() const override { return 1; }

    std::optional<std::vector<std::string>> next() override {
        if (count_ == total_)
            return std::nullopt;
        std::size_t end = std::min(text_.find(separator_, start_), text_.size());
        std::vector<std::string> args{text_.substr(start_, end - start_)};
        start_ = std::min(end + 1, text_.size());
        ++count_;
        return args;
    }

    bool at_end() const override { return ended_ && count_ == total_; }

    std::optional<std::uint64_t> total() const override {
        return ended_ ? std::optional(total_) : std::nullopt;
    }

    bool wants_more() const override { return !ended_ && text_.size() - start_ < most_waiting; }

    int fd() const override { return file_.get(); }

    void read() override {
        text_.erase(0, std::exchange(start_, 0));
        std::size_t size = text_.size();
        text_.resize(size + piece);
        ssize_t length = ::read(file_.get(), text_.data() + size, piece);
        int error = errno;
        text_.resize(size + static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
        if (length > 0) {
            add_lines(std::string_view(text_).substr(size));
        } else if (length == 0) {
            ended_ = true;
            total_ += unfinished_ > 0;
        } else if (error != EINTR && error != EAGAIN) {
            fail("cannot read the input: " + std::generic_category().message(error));
        }
    }

    std::string error() const override { return error_; }

private:
    static constexpr std::size_t piece = 65536;
    static constexpr std::size_t most_waiting = std::size_t{4} << 20;
    static constexpr std::size_t longest = 131071;  // MAX_ARG_STRLEN of the kernel, less the NUL

    void add_lines(std::string_view text) {
        for (std::size_t end; (end = text.find(separator_)) != std::string_view::npos;) {
            if (unfinished_ + end > longest)
                return too_long();
            text.remove_prefix(end + 1);
            unfinished_ = 0;
            ++total_;
        }
        unfinished_ += text.size();
        if (unfinished_ > longest)
            too_long();
    }

    // No program could be given it.
    void too_long() {
        fail("line " + std::to_string(total_ + 1) + " of the input is longer than " +
             std::to_string(longest) + " bytes");
    }

    void fail(std::string why) {
        error_ = std::move(why);
        ended_ = true;
    }

    Fd file_;
    char separator_;
    std::string text_;
    std::size_t start_ = 0;       ///< of the next line
    std::size_t unfinished_ = 0;  ///< length of the line whose end has not come yet
    std::uint64_t count_ = 0;     ///< lines taken
    std::uint64_t total_ = 0;     ///< and those that wait
    bool ended_ = false;
    std::string error_;
};

}  // namespace

std::unique_ptr<MapInput> combinations(std::vector<std::vector<std::string>> lists) {
    return std::make_unique<Combinations>(std::move(lists));
}

std::unique_ptr<MapInput> lines(Fd file, char separator) {
    return std::make_unique<Lines>(std::move(file), separator);
}

}  // namespace spawntpl::tools
