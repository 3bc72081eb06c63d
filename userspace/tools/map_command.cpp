// SPDX-License-Identifier: MIT
#include "map_command.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

namespace spawntpl::tools {

namespace {

std::string_view base_of(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

std::string_view without_extension(std::string_view path) {
    std::size_t dot = path.rfind('.');
    bool in_base = dot != std::string_view::npos && path.find('/', dot) == std::string_view::npos;
    return in_base ? path.substr(0, dot) : path;
}

std::string_view directory_of(std::string_view path) {
    std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos)
        return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("%+,-./:=@_").find(c) != std::string_view::npos;
}

std::string shell_quoted(const std::string& word) {
    if (!word.empty() && std::ranges::all_of(word, is_plain))
        return word;
    std::string quoted = "'";
    for (char c : word)
        c == '\'' ? quoted.append("'\\''") : quoted.append(1, c);
    return quoted + "'";
}

}  // namespace

std::expected<MapCommand, std::string> MapCommand::parse(const std::vector<std::string>& words,
                                                         std::size_t sources) {
    MapCommand command;
    for (const std::string& word : words) {
        command.words_.push_back(parse_word(word));
        for (const Piece& piece : command.words_.back()) {
            if (piece.source > sources)
                return std::unexpected("'" + word + "' names argument " +
                                       std::to_string(piece.source) + ", but each job has " +
                                       std::to_string(sources));
            if (piece.part != Part::literal && piece.part != Part::job_number)
                command.appends_args_ = false;
        }
    }
    return command;
}

bool MapCommand::parse_placeholder(const std::string& inside, Piece& piece) {
    struct Edit {
        std::string_view text;
        Part part;
    };
    static constexpr Edit edits[] = {{"", Part::whole},
                                     {".", Part::no_extension},
                                     {"/", Part::base},
                                     {"//", Part::directory},
                                     {"/.", Part::base_no_extension}};
    piece = {};
    if (inside == "#") {
        piece.part = Part::job_number;
        return true;
    }
    const char* end = inside.data() + inside.size();
    auto [rest, error] = std::from_chars(inside.data(), end, piece.source);
    if (error == std::errc() && piece.source == 0)
        return false;
    if (error == std::errc::result_out_of_range)
        return false;
    auto found = std::ranges::find(edits, std::string_view(rest, end), &Edit::text);
    if (found == std::end(edits))
        return false;
    piece.part = found->part;
    return true;
}

MapCommand::Word MapCommand::parse_word(const std::string& word) {
    Word pieces;
    std::string literal;
    auto end_literal = [&] {
        if (!literal.empty())
            pieces.push_back({.part = Part::literal, .text = std::exchange(literal, {})});
    };
    for (std::size_t i = 0; i < word.size(); ++i) {
        std::size_t end = word[i] == '{' ? word.find('}', i) : std::string::npos;
        Piece piece{};
        if (end != std::string::npos && parse_placeholder(word.substr(i + 1, end - i - 1), piece)) {
            end_literal();
            pieces.push_back(std::move(piece));
            i = end;
        } else {
            literal += word[i];
        }
    }
    end_literal();
    return pieces;
}

std::string MapCommand::edit(Part part, const std::string& arg) {
    switch (part) {
    case Part::no_extension:
        return std::string(without_extension(arg));
    case Part::base:
        return std::string(base_of(arg));
    case Part::directory:
        return std::string(directory_of(arg));
    case Part::base_no_extension:
        return std::string(without_extension(base_of(arg)));
    default:
        return arg;
    }
}

std::vector<std::string> MapCommand::words(const std::vector<std::string>& args,
                                           std::uint64_t job) const {
    std::vector<std::string> result;
    result.reserve(words_.size() + args.size());
    for (const Word& word : words_) {
        if (word.size() == 1 && word[0].part >= Part::whole && word[0].source == 0) {
            for (const std::string& arg : args)
                result.push_back(edit(word[0].part, arg));
            continue;
        }
        std::string text;
        for (const Piece& piece : word) {
            if (piece.part == Part::literal)
                text += piece.text;
            else if (piece.part == Part::job_number)
                text += std::to_string(job);
            else if (piece.source > 0)
                text += edit(piece.part, args[piece.source - 1]);
            else
                for (std::size_t i = 0; i < args.size(); ++i)
                    text.append(i > 0 ? " " : "").append(edit(piece.part, args[i]));
        }
        result.push_back(std::move(text));
    }
    if (appends_args_)
        result.insert(result.end(), args.begin(), args.end());
    return result;
}

std::optional<std::string> MapCommand::program() const {
    const Word& first = words_.front();
    if (first.empty())
        return "";
    if (first.size() > 1 || first[0].part != Part::literal)
        return std::nullopt;
    return first[0].text;
}

std::string shell_quoted(const std::vector<std::string>& words) {
    std::string line;
    for (const std::string& word : words)
        line.append(line.empty() ? "" : " ").append(shell_quoted(word));
    return line;
}

}  // namespace spawntpl::tools
