# The stand-in for OpenWrt's package.mk: `make package PACKAGE=NAME` prepares, compiles (but what is the same
# for each processor) and installs that package of the Makefile, and leaves in OUT what ipkg-build and apk mkpkg are given: data/ and control/ with the fields and scripts that
# OpenWrt's include/package-pack.mk writes, in its order.

PKG_BUILD_DIR := $(BUILD_DIR)/$(PKG_NAME)-$(PKG_VERSION)
VERSION := $(PKG_VERSION)-r$(PKG_RELEASE)

# "+name" selects, "name" demands: in the package both are a dependency.
depends = $(subst $(space),$(comma) ,$(strip $(patsubst +%,%,$(filter-out @%,libc $(DEPENDS)))))
define control
Package: $(1)
Version: $(VERSION)
Depends: $(depends)
Source: feeds/whp/$(1)
SourceName: $(PKG_NAME)
License: $(PKG_LICENSE)
LicenseFiles: $(PKG_LICENSE_FILES)
Section: $(SECTION)
SourceDateEpoch: $(SOURCE_DATE_EPOCH)
Architecture: $(or $(PKGARCH),$(ARCH))
Installed-Size: 0
endef

define postinst
#!/bin/sh
[ "$${IPKG_NO_SCRIPT}" = "1" ] && exit 0
[ -s $${IPKG_INSTROOT}/lib/functions.sh ] || exit 0
. $${IPKG_INSTROOT}/lib/functions.sh
default_postinst $$0 $$@
endef

define prerm
#!/bin/sh
[ -s $${IPKG_INSTROOT}/lib/functions.sh ] || exit 0
. $${IPKG_INSTROOT}/lib/functions.sh
default_prerm $$0 $$@
endef

# write FILE VARIABLE: nothing when the Makefile does not define it.
write = [ -z "$$$$$(2)" ] || printf '%s\n' "$$$$$(2)" >$(OUT)/control/$(1)

BuildPackage = $(if $(filter $(1),$(PACKAGE)),$(call build_package,$(1)))

define build_package
$(eval $(Package/$(1)))
package: export CONTROL = $$(call control,$(1))
package: export DESCRIPTION = $$(Package/$(1)/description)
package: export CONFFILES = $$(Package/$(1)/conffiles)
package: export DEFAULT_POSTINST = $$(postinst)
package: export DEFAULT_PRERM = $$(prerm)
package: export PREINST = $$(Package/$(1)/preinst)
package: export POSTINST = $$(Package/$(1)/postinst)
package: export PRERM = $$(Package/$(1)/prerm)
package: export POSTRM = $$(Package/$(1)/postrm)

package:
	rm -rf $(OUT)/data $(OUT)/control
	$(INSTALL_DIR) $(PKG_BUILD_DIR) $(OUT)/data $(OUT)/control
	$(if $(PKGARCH),,[ -e $(PKG_BUILD_DIR)/quickjs ] || ln -s $(ENGINE) $(PKG_BUILD_DIR)/quickjs)
	$(if $(PKGARCH),,$$(Build/Compile))
	$$(call Package/$(1)/install,$(OUT)/data)
	$(if $(PKGARCH),,$(STRIP) $(OUT)/data/usr/lib/whp/whp-host)
	$(call write,control,CONTROL)
	printf 'Description: ' >>$(OUT)/control/control
	echo "$$$$DESCRIPTION" | sed 's,^[[:space:]]*, ,g' >>$(OUT)/control/control
	$(call write,conffiles,CONFFILES)
	$(call write,preinst,PREINST)
	$(call write,postinst,DEFAULT_POSTINST)
	$(call write,postinst-pkg,POSTINST)
	$(call write,prerm,DEFAULT_PRERM)
	$(call write,prerm-pkg,PRERM)
	$(call write,postrm,POSTRM)
	chmod 0755 $(OUT)/control/p*
	chmod 0644 $(OUT)/control/c*
endef

.PHONY: package
