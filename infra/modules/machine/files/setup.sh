#!/usr/bin/env bash
# Makes a fresh Amazon Linux 2023 the machine of Dagster. Run once by cloud-init, whose log is /var/log/cloud-init-output.log;
# safe to run again.
set -euo pipefail
# WHEEL and VOLUME
# shellcheck source=/dev/null
source /etc/lake/machine.env
export PGDATA=/data/postgres

# Attached by Terraform once the machine is there.
device=/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${VOLUME/-/}
for _ in {1..150}; do
  if [[ -e $device ]]; then break; fi
  sleep 2
done
# Only a volume that is new; mkfs itself refuses one with a file system, too.
blkid "$device" >/dev/null || mkfs.xfs -q -L lake "$device"
grep -q '^LABEL=lake ' /etc/fstab || echo 'LABEL=lake /data xfs defaults,nofail 0 2' >> /etc/fstab
mkdir -p /data
mountpoint -q /data || mount /data

dnf install --quiet --assumeyes python3.11 python3.11-pip postgresql16-server openssl util-linux
id lake &>/dev/null || useradd --system --no-create-home --home-dir /data/dagster --shell /sbin/nologin lake
install -d -o lake -g lake -m 0750 /data/dagster
# The number of a user may be another one on a new machine.
chown -R lake:lake /data/dagster
if [[ -e $PGDATA ]]; then chown -R postgres:postgres "$PGDATA"; fi
install -o lake -g lake -m 0640 /etc/lake/dagster.yaml /data/dagster/dagster.yaml

/opt/lake/database.sh "$PGDATA" /data/secrets/database.env
install -d /etc/systemd/system/postgresql.service.d
printf '[Unit]\nRequiresMountsFor=/data\n[Service]\nEnvironment=PGDATA=%s\n' "$PGDATA" > /etc/systemd/system/postgresql.service.d/lake.conf
systemctl daemon-reload
systemctl enable --now postgresql
/opt/lake/user.sh /data/secrets/database.env

python3.11 -m venv /opt/lake/venv
aws s3 cp --only-show-errors "$WHEEL" /opt/lake/
/opt/lake/venv/bin/pip install --quiet --disable-pip-version-check "/opt/lake/${WHEEL##*/}[deploy]"
# For people: sudo lake-assets ...
printf '#!/usr/bin/env bash\nset -a\nsource /etc/lake/lake.env\nsource /data/secrets/database.env\nexec runuser -u lake -- /opt/lake/venv/bin/lake-assets "$@"\n' > /usr/local/bin/lake-assets
chmod 0755 /usr/local/bin/lake-assets

systemctl enable --now lake-migrate lake-code lake-daemon lake-webserver lake-backup.timer
