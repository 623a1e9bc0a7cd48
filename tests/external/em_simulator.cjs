// One session of the 1.6 simulator "em-ocpp-chargepoint-simulator", run as a process of its own.
//
//   node em_simulator.cjs URL '{"meterValues": 20, "idTag": "EM-TAG", "waitForRemoteStop": false}'
//
// Each answer it gets is a line of JSON on standard output: {"action": ..., "answer": ...}. With
// waitForRemoteStop the session goes on after its meter values until RemoteStopTransaction stops it.
// Exit status 0 when the whole session was answered, 1 otherwise.
"use strict";

const { chargepointFactory } = require("em-ocpp-chargepoint-simulator/build/src/chargepoint");

const [url, given] = process.argv.slice(2);
const options = { meterValues: 20, idTag: "EM-TAG", waitForRemoteStop: false, ...JSON.parse(given || "{}") };
const connectorId = 1;
const meterStart = 1000;
const energyPerValue = 50;

function tell(action, answer) {
  process.stdout.write(JSON.stringify({ action, answer }) + "\n");
  return answer;
}

function status(cp, word) {
  const payload = { connectorId, errorCode: "NoError", status: word };
  return cp.sendStatusNotification(payload).then((answer) => tell("StatusNotification", answer));
}

function meterValue(number) {
  const energy = { value: String(meterStart + number * energyPerValue), measurand: "Energy.Active.Import.Register" };
  const sampledValue = [energy, { value: "7400.0", measurand: "Power.Active.Import", unit: "W" }];
  return [{ timestamp: new Date().toISOString(), sampledValue }];
}

async function session() {
  const cp = await chargepointFactory(url);
  const stopped = new Promise((resolve) => {
    cp.answerRemoteStopTransaction((request) => {
      cp.sendResponse(request.uniqueId, { status: "Accepted" });
      tell("RemoteStopTransaction", request.payload);
      resolve(request.payload.transactionId);
    });
  });
  const boot = { chargePointVendor: "em", chargePointModel: "simulator" };
  tell("BootNotification", await cp.sendBootnotification(boot));
  await status(cp, "Available");
  tell("Authorize", await cp.sendAuthorize({ idTag: options.idTag }));
  await status(cp, "Preparing");
  const start = { connectorId, idTag: options.idTag, meterStart, timestamp: new Date().toISOString() };
  const { transactionId } = tell("StartTransaction", await cp.startTransaction(start));
  await status(cp, "Charging");
  for (let number = 1; number <= options.meterValues; number++) {
    const values = { connectorId, transactionId, meterValue: meterValue(number) };
    tell("MeterValues", await cp.meterValues(values));
  }
  if (options.waitForRemoteStop && (await stopped) !== transactionId) {
    throw new Error("RemoteStopTransaction names another transaction");
  }
  const meterStop = meterStart + options.meterValues * energyPerValue;
  const stop = { transactionId, idTag: options.idTag, meterStop, timestamp: new Date().toISOString() };
  tell("StopTransaction", await cp.stopTransaction(stop));
  await status(cp, "Available");
  cp.close();
}

session().then(
  () => process.exit(0),
  (error) => {
    process.stderr.write(`${error && error.stack ? error.stack : error}\n`);
    process.exit(1);
  },
);
