# Runs a module of the code that was sent by the cluster's own Python: Ray starts commands with
# whatever PATH it was started with, which need not have the Python that Ray itself runs on.
for python in python python3 "$BEARINGS_PYTHON"; do
  if "$python" -c "import importlib.util as u, sys; sys.exit(u.find_spec('ray') is None)" 2>/dev/null
  then exec "$python" -m "$1"
  fi
done
echo "error: no Python with Ray on the PATH of $(hostname), a machine of the cluster: start Ray there from the environment that it is installed in"
exit 127
