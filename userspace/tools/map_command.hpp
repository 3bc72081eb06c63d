// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

namespace spawntpl::tools {

/// The command of spawntpl map: words with placeholders for the arguments of a job.
///
///   {}     the arguments; if it is all of a word, a word for each
///   {2}    the second argument
///   {#}    the number of the job
///
/// Before the closing brace: "." is the argument without its extension, "/" the last component of
/// a path, "//" what is before that, "/." the last component without its extension. Without any
/// placeholder for arguments, these follow the words. All other braces are just that.
class MapCommand {
public:
    /// @p sources: how many arguments a job has.
    static std::expected<MapCommand, std::string> parse(const std::vector<std::string>& words,
                                                        std::size_t sources);

    /// The program and its arguments for a job.
    std::vector<std::string> words(const std::vector<std::string>& args, std::uint64_t job) const;

    /// The program, unless each job may have another one.
    std::optional<std::string> program() const;

private:
    enum class Part {
        literal,
        job_number,
        whole,
        no_extension,
        base,
        directory,
        base_no_extension
    };

    struct Piece {
        Part part;
        std::string text{};      ///< a literal
        std::size_t source = 0;  ///< from 1; 0 is all
    };

    using Word = std::vector<Piece>;

    static Word parse_word(const std::string& word);
    static bool parse_placeholder(const std::string& inside, Piece& piece);
    static std::string edit(Part part, const std::string& arg);

    std::vector<Word> words_;
    bool appends_args_ = true;
};

/// For a person or a shell to read.
std::string shell_quoted(const std::vector<std::string>& words);

}  // namespace spawntpl::tools
