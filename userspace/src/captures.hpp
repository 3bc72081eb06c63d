// SPDX-License-Identifier: MIT
#pragma once

#include "launch.hpp"
#include "process_generation.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <expected>
#include <memory>
#include <mutex>
#include <string>

namespace spawntpl::detail {

/// Keeps what has been captured of a program, for children to begin as copies of it, and has it
/// replaced when it is not fit any more. Shared by threads.
///
/// A capture costs as much as some starts, so it has to be earned by as many: else callers who
/// differ, or a program that cannot be captured, would make each start dearer.
///
/// @tparam Captured has starts(), how many children it has started, and born().
template <typename Captured>
class Captures {
public:
    using Pointer = std::shared_ptr<Captured>;

    /// After a failure, another try is as dear as the last one, or twice as dear, or as dear as it
    /// can be.
    enum class Price { same, doubled, highest };

    /// Why there is nothing captured, in words.
    struct Failure {
        std::string why;
        Price next = Price::same;
    };

    using Result = std::expected<Pointer, Failure>;

    struct Missing {
        std::string why;
        bool is_coming = false;  ///< another thread captures the program just now
    };

    /// To be called for each start.
    void earn() {
        std::lock_guard lock(mutex_);
        budget_ = std::min(budget_ + 1, std::max(max_budget, price_));
    }

    /// What is fit for this start, captured anew if need be. @p why_unfit gets what there is and
    /// says what speaks against it, in words; @p capture returns a Result. Both may take long, and
    /// are called without a lock: others are not to wait who can start children in another way.
    std::expected<Pointer, Missing> fit(const Launch& launch, const auto& why_unfit,
                                        const auto& capture) {
        std::unique_lock lock(mutex_);
        for (;;) {
            Pointer present = present_;
            std::string unfit = why_none_;
            lock.unlock();
            bool worn = present && is_worn(*present, launch.program().recapture);
            if (present && (unfit = why_unfit(*present)).empty() && !worn)
                return present;
            lock.lock();
            if (is_being_captured_) {
                if (present && unfit.empty())
                    return present;
                if (!launch.program().warm_required)
                    return std::unexpected(Missing{"the program is being captured", true});
                captured_.wait(lock, [&] { return !is_being_captured_; });
                continue;
            }
            // Another thread may have replaced it.
            if (present_ != present)
                continue;
            if (!worn) {
                if (budget_ < price_)
                    return std::unexpected(Missing{std::move(unfit)});
                budget_ -= price_;
            }
            Attempt attempt(*this, lock);
            return attempt.finish(capture());
        }
    }

    /// @p used must not be used any more.
    void drop(const Pointer& used, std::string why, Price next = Price::same) {
        std::lock_guard lock(mutex_);
        if (present_ != used)
            return;
        present_.reset();
        why_none_ = std::move(why);
        raise(next);
    }

    /// A capture has turned out well: the price is the first one again.
    void prove() {
        std::lock_guard lock(mutex_);
        price_ = first_price;
    }

private:
    static constexpr int first_price = 8;
    static constexpr int highest_price = 8192 * first_price;
    static constexpr int first_budget = 4 * first_price;
    static constexpr int max_budget = 16 * first_price;

    /// A capture is under way as long as this is there.
    class Attempt {
    public:
        /// Unlocks @p lock, which is that of @p captures.
        Attempt(Captures& captures, std::unique_lock<std::mutex>& lock) : captures_(captures) {
            captures.is_being_captured_ = true;
            lock.unlock();
        }

        Attempt(const Attempt&) = delete;

        ~Attempt() {
            {
                std::lock_guard lock(captures_.mutex_);
                captures_.is_being_captured_ = false;
                if (!fresh_)
                    captures_.raise(failure_.next);
                // The old one is to end without the lock.
                std::swap(captures_.present_, fresh_);
                captures_.why_none_ = std::move(failure_.why);
            }
            captures_.captured_.notify_all();
        }

        std::expected<Pointer, Missing> finish(Result result) {
            if (!result) {
                failure_ = std::move(result.error());
                return std::unexpected(Missing{failure_.why});
            }
            failure_ = {};
            fresh_ = std::move(*result);
            return fresh_;
        }

    private:
        Captures& captures_;
        Pointer fresh_;
        Failure failure_{"the program could not be captured"};
    };

    void raise(Price next) {
        if (next != Price::same)
            price_ = next == Price::highest ? highest_price : std::min(2 * price_, highest_price);
    }

    static bool is_worn(const Captured& captured, const Recapture& recapture) {
        // Not the other way round: the longest age is too long for nanoseconds.
        using Age = decltype(recapture.age);
        auto age =
            std::chrono::duration_cast<Age>(std::chrono::steady_clock::now() - captured.born());
        return captured.starts() >= recapture.starts || age >= recapture.age;
    }

    std::mutex mutex_;  ///< of what follows
    std::condition_variable captured_;
    bool is_being_captured_ = false;
    Pointer present_;
    std::string why_none_;  ///< why there is nothing, if there is nothing
    int budget_ = first_budget;
    int price_ = first_price;
};

/// What a process keeps. A copy of the process begins anew: of threads that the copy does not have,
/// one may have been at work here.
template <typename Kept>
class OfThisProcess {
public:
    std::shared_ptr<Kept> get() const {
        std::uint64_t generation = process_generation();
        auto entry = entry_.load();
        while (!entry || entry->generation != generation)
            if (auto fresh = std::make_shared<Entry>(generation);
                entry_.compare_exchange_strong(entry, fresh))
                entry = std::move(fresh);
        return {entry, &entry->kept};
    }

private:
    struct Entry {
        const std::uint64_t generation;
        Kept kept{};
    };

    mutable std::atomic<std::shared_ptr<Entry>> entry_;
};

}  // namespace spawntpl::detail
