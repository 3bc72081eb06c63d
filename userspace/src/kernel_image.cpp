// SPDX-License-Identifier: MIT
#include "kernel_image.hpp"

#include "above_stdio.hpp"
#include "cold_reasons.hpp"
#include "kernel_calls.hpp"
#include "read_to_end.hpp"
#include "warm_program.hpp"

#include <algorithm>
#include <limits>

#include <fcntl.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

using Price = KernelImage::Captured::Price;

/// The backstop for what this library counts itself, which is to be over before: the kernel counts
/// the second that has begun as a whole one.
std::uint32_t seconds(std::chrono::milliseconds age) {
    using Rep = std::chrono::milliseconds::rep;
    Rep whole = age.count() / 1000 + 2;
    return static_cast<std::uint32_t>(
        std::min<Rep>(whole, std::numeric_limits<std::uint32_t>::max()));
}

std::uint32_t at_most_32_bits(std::uint64_t count) {
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(count, std::numeric_limits<std::uint32_t>::max()));
}

/// To try again costs the time that the kernel waits; that of others depends on what there is.
Price price_after(std::uint32_t cold_reason) {
    return cold_reason == SPAWN_TEMPLATE_COLD_TIMEOUT ? Price::highest : Price::doubled;
}

}  // namespace

KernelImage::Captured::Result KernelImage::capture(const Launch& launch) {
    if (std::string why = why_never_from_image(launch.program()); !why.empty())
        return std::unexpected(Captured::Failure{std::move(why), Price::doubled});
    return while_files_rest([&]() -> Captured::Result {
        std::shared_ptr<KernelImage> image(new KernelImage(launch));
        if (Captured::Failure wrong = image->take(launch); !wrong.why.empty())
            return std::unexpected(std::move(wrong));
        return image;
    });
}

// The names that constructors ask for are not known: they are guessed.
KernelImage::KernelImage(const Launch& launch)
    : argv0_(launch.argv()[0]), environment_(launch.envp(), {""}) {}

std::string KernelImage::why_unfit(const Launch& launch) const {
    if (argv0_ != launch.argv()[0])
        return "argument 0 is not the one that the image has";
    if (!environment_.same(launch.envp()))
        return describe_cold(SPAWN_TEMPLATE_COLD_ENVIRONMENT);
    if (const std::string* file = files_.changed())
        return "the file " + *file + " has changed";
    return {};
}

KernelImage::Captured::Failure KernelImage::take(const Launch& launch) {
    files_.add(launch.program().path);
    if (Captured::Failure wrong = create(launch); !wrong.why.empty())
        return wrong;
    if (std::string why = add_files_of_image(); !why.empty())
        return {std::move(why), Price::doubled};
    files_.watch();
    return {};
}

KernelImage::Captured::Failure KernelImage::create(const Launch& launch) {
    const Program& program = launch.program();
    spawn_template_create_args args{};
    args.flags = SPAWN_TEMPLATE_WARM | SPAWN_TEMPLATE_REQUIRE_WARM;
    args.path = address(program.path.c_str());
    args.envp = address(launch.envp());
    args.argv0 = address(argv0_.c_str());
    args.warm_max_age = seconds(program.recapture.age);
    args.warm_max_starts = at_most_32_bits(program.recapture.starts);
    fd_ = above_stdio(spawn_template_create(args));
    if (fd_)
        return {};
    int error = errno;
    if (args.error_step == SPAWN_TEMPLATE_STEP_WARM && args.cold_reason != 0)
        return {describe_cold(args.cold_reason, args.cold_detail), price_after(args.cold_reason)};
    return {"the kernel makes no template: " + std::generic_category().message(error),
            Price::doubled};
}

/// The kernel compares them by itself: here they are watched for the image to be made anew before a
/// start is cold.
std::string KernelImage::add_files_of_image() {
    constexpr std::string_view field = "image-file:\t", warm = "warm:\tyes\n";
    std::string path = "/proc/thread-self/fdinfo/" + std::to_string(fd_.get());
    Fd info(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    auto text = info ? read_to_end(info.get()) : std::nullopt;
    if (!text || text->find(warm) == text->npos)
        return "the files of the image are not known: " + path + " cannot be read";
    for (std::size_t at = text->find(field); at != text->npos; at = text->find(field, at)) {
        at += field.size();
        std::string name = text->substr(at, text->find('\n', at) - at);
        if (!name.starts_with('/') || name.find('\\') != name.npos)
            return "the file \"" + name + "\" of the image cannot be watched";
        files_.add(std::move(name));
    }
    return {};
}

}  // namespace spawntpl::detail
