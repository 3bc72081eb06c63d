# SPDX-License-Identifier: MIT
# Library, command and tests: CMake does the work, see userspace/CMakeLists.txt.

USERSPACE_BUILD := build/userspace

PREFIX ?= /usr/local
DEB_BUILD := build/deb/build

.PHONY: userspace install deb docs

userspace: packages ## build the library, the command and the tests into build/bin and build/lib
	@test -f $(USERSPACE_BUILD)/Makefile || cmake -S userspace -B $(USERSPACE_BUILD)
	@cmake --build $(USERSPACE_BUILD) -j $$(nproc)

install: userspace ## install library, headers, command and manual: PREFIX=/usr/local DESTDIR=
	@DESTDIR=$(abspath $(DESTDIR)) cmake --install $(USERSPACE_BUILD) --prefix $(abspath $(PREFIX))

# In a tree of its own, as a distribution builds it: with its flags, and for one prefix.
DEB_OPTIONS := -DSPAWNTPL_DEBIAN=ON -DSPAWNTPL_TESTS=OFF -DSPAWNTPL_OUTPUT_DIR=$(abspath $(DEB_BUILD)) \
  -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_RPATH= -DSPAWNTPL_ZSH_DIR=share/zsh/vendor-completions

deb: packages ## make Debian packages in build/deb
	@eval "$$(dpkg-buildflags --export=sh)" && \
	  CFLAGS="$$CFLAGS $$CPPFLAGS" CXXFLAGS="$$CXXFLAGS $$CPPFLAGS" \
	  cmake -S userspace -B $(DEB_BUILD) $(DEB_OPTIONS)
	@cmake --build $(DEB_BUILD) -j $$(nproc)
	@rm -f build/deb/*.deb
	@cd $(DEB_BUILD) && cpack -B $(abspath build/deb)

docs: packages ## make the reference of the library in build/docs
	@mkdir -p build
	@doxygen userspace/Doxyfile
	@echo "docs: build/docs/html/index.html"
