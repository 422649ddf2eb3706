/* failing.h - allocations that fail on purpose, and a caller that wants to stop.
 *
 * A test that includes this has the line WRAP: malloc calloc realloc.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RS_TEST_FAILING_H
#define RS_TEST_FAILING_H

#include <stdbool.h>
#include <stddef.h>

#include "ringscope/work.h"

static bool failing_limited;
static int failing_allowed; /* allocations, while limited */

static inline bool failing_refuse(void)
{
    return failing_limited && failing_allowed-- <= 0;
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    return failing_refuse() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return failing_refuse() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return failing_refuse() ? NULL : __real_realloc(memory, bytes);
}

/* Fail every allocation but the first 0, 1, 2, ... of `call(context)` until it comes through; it
 * must say so each time. Returns how many it needs. What leaks is found by the sanitizer. */
static inline int failing_each(rs_status (*call)(void *context, rs_error *err), void *context)
{
    rs_status status = RS_ENOMEM;
    int needed = -1;
    while (status == RS_ENOMEM) {
        rs_error err = {0};
        failing_allowed = ++needed;
        failing_limited = true;
        status = call(context, &err);
        failing_limited = false;
        if (status == RS_ENOMEM && err.message[0] == '\0') {
            fail_msg("no message after %d allocations", needed);
        }
        assert_true(needed < 100000);
    }
    assert_int_equal(status, RS_OK);
    return needed;
}

/* A progress function that lets `*context` reports pass and then asks to stop. */
static inline int failing_stop(void *context, const rs_progress *now)
{
    int *left = context;
    (void)now;
    return (*left)-- <= 0;
}

/* Stop `call(work, err)` at its first, second, ... report; returns how many it makes. */
static inline int failing_interrupt(rs_status (*call)(const rs_work *work, void *context,
                                                      rs_error *err),
                                    void *context)
{
    rs_status status = RS_EINTERRUPTED;
    int reports = -1;
    while (status == RS_EINTERRUPTED) {
        rs_error err = {0};
        int left = ++reports;
        rs_work work = {.threads = 1, .progress = failing_stop, .context = &left};
        status = call(&work, context, &err);
        assert_true(reports < 1000);
    }
    assert_int_equal(status, RS_OK);
    return reports;
}

#endif
