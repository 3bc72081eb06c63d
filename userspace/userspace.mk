# SPDX-License-Identifier: MIT
# Library, command and tests: CMake does the work, see userspace/CMakeLists.txt.

USERSPACE_BUILD := build/userspace

PREFIX ?= /usr/local

.PHONY: userspace install docs

userspace: packages ## build the library, the command and the tests into build/bin and build/lib
	@test -f $(USERSPACE_BUILD)/Makefile || cmake -S userspace -B $(USERSPACE_BUILD)
	@cmake --build $(USERSPACE_BUILD) -j $$(nproc)

install: userspace ## install library, headers, command and manual: PREFIX=/usr/local DESTDIR=
	@DESTDIR=$(abspath $(DESTDIR)) cmake --install $(USERSPACE_BUILD) --prefix $(abspath $(PREFIX))

docs: packages ## make the reference of the library in build/docs
	@mkdir -p build
	@doxygen userspace/Doxyfile
	@echo "docs: build/docs/html/index.html"
